//! A running gateway: the program itself, in a temporary folder.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

pub(crate) const LISTENER: &str = "5b1f1f0c-8f6f-4e0b-9a53-0f8d0d2c7a10";
pub(crate) const SECRET: &str = "It's a Secret to Everybody";

/// The keys of a listener whose requests have an HMAC of SHA-256 in `X-Signature`. Further keys of
/// the signature follow, its payload among them.
pub(crate) const SIGNATURE: &str = r#"
[secrets]
KEY = { file = "secrets/github" }

[[verify]]
name = "signature"
[verify.signature]
secret = "KEY"
hash = "sha256"
encoding = "hex"
received = 'headers["x-signature"]'
"#;

/// The keys after [`SIGNATURE`] that sign the time in `X-Time` with the body.
pub(crate) const SIGNED_TIME: &str =
    "payload = '\"${headers[\"x-time\"]}.${raw_body}\"'\ntime = 'headers[\"x-time\"]'\n";

/// Returns a number from the environment, or the default.
pub(crate) fn env_number(name: &str, usual: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// A folder with a configuration.
pub(crate) struct Folder {
    folder: tempfile::TempDir,
}

impl Folder {
    /// Returns a folder with one listener for GitHub, with additional keys.
    pub(crate) fn with_listener(more: &str) -> Self {
        let folder = Self { folder: tempfile::tempdir().unwrap() };
        folder.settings("");
        let listener = format!(
            "id = \"{LISTENER}\"\nname = \"GitHub\"\ntenant = \"acme\"\nprovider = \"github\"\n\n\
             [secrets]\nGITHUB = {{ file = \"secrets/github\" }}\n\n{more}"
        );
        folder.write("secrets/github", &format!("{SECRET}\n"));
        folder.write("listeners/github.toml", &listener);
        folder
    }

    /// Writes `hookgate.toml`, with free ports.
    pub(crate) fn settings(&self, more: &str) {
        self.write(
            "hookgate.toml",
            &format!(
                "public_url = \"https://hooks.example.com\"\n\n[server]\nlisten = \"127.0.0.1:0\"\n\
                 management = \"127.0.0.1:0\"\n{more}"
            ),
        );
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Runs a command on the configuration.
    pub(crate) fn command(&self, arguments: &[&str]) -> Output {
        program().args(arguments).args(["-C", self.path().to_str().unwrap()]).output().unwrap()
    }

    /// Returns the output of a command. Panics if it fails.
    pub(crate) fn stdout_of(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments);
        let report = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{arguments:?}: {report}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Starts the gateway.
    pub(crate) fn serve(&self) -> Gateway {
        Gateway::start(self.path(), program())
    }
}

/// Returns true if a program that only some tests need is installed. `.ci/run` installs all of
/// them, and sets `CI_TOOLS`.
pub(crate) fn is_installed(tool: &str, argument: &str) -> bool {
    let run = Command::new(tool).arg(argument).stdout(Stdio::null()).stderr(Stdio::null()).status();
    let there = run.is_ok_and(|status| status.success());
    assert!(there || std::env::var_os("CI_TOOLS").is_none(), "{tool} is not installed");
    there
}

/// The program: the one that was built with the tests, or the one named by `HOOKGATE_PROGRAM`, for
/// measurements of a release build. The path is absolute, because tests run it in other folders.
pub(crate) fn binary() -> String {
    let named = std::env::var("HOOKGATE_PROGRAM");
    let named = named.unwrap_or_else(|_| env!("CARGO_BIN_EXE_hookgate").to_owned());
    std::path::absolute(named).unwrap().to_str().unwrap().to_owned()
}

pub(crate) fn program() -> Command {
    Command::new(binary())
}

/// A running gateway.
pub(crate) struct Gateway {
    child: Child,
    pub(crate) senders: SocketAddr,
    pub(crate) management: SocketAddr,
    log: PathBuf,
}

impl Gateway {
    pub(crate) fn start(folder: &Path, mut program: Command) -> Self {
        let log = folder.join("gateway.log");
        let file = std::fs::File::create(&log).unwrap();
        let child = program
            .args(["serve", "-C", folder.to_str().unwrap()])
            .stdout(Stdio::null())
            .stderr(file)
            .spawn()
            .unwrap();
        let mut gateway = Self {
            child,
            senders: ([127, 0, 0, 1], 0).into(),
            management: ([127, 0, 0, 1], 0).into(),
            log,
        };
        let report = gateway.wait_for_log("listening for senders at ");
        let line = report.lines().find(|line| line.starts_with("listening")).unwrap();
        let addresses: Vec<SocketAddr> =
            line.split([' ', ',']).filter_map(|word| word.parse().ok()).collect();
        (gateway.senders, gateway.management) = (addresses[0], addresses[1]);
        gateway
    }

    /// Waits until the log contains a text, and returns the log.
    pub(crate) fn wait_for_log(&self, text: &str) -> String {
        let until = Instant::now() + Duration::from_secs(10);
        loop {
            let log = std::fs::read_to_string(&self.log).unwrap();
            if log.contains(text) {
                return log;
            }
            assert!(Instant::now() < until, "no `{text}` in the log:\n{log}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Returns its peak memory in MiB.
    pub(crate) fn peak_mib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
    }

    pub(crate) fn path(&self, listener: &str) -> String {
        format!("/webhooks/v1/listeners/{listener}/notify")
    }

    /// Posts a body to the listener.
    pub(crate) fn post(&self, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        self.request("POST", &self.path(LISTENER), headers, body)
    }

    pub(crate) fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        // The host name of the request has no effect.
        exchange_as("forged.example", self.senders, method, path, headers, body)
    }

    pub(crate) fn get_management(&self, path: &str) -> Answer {
        exchange(self.management, "GET", path, &[], b"")
    }

    pub(crate) fn signal(&self, name: &str) {
        let done = Command::new("kill").args([name, &self.pid().to_string()]).status().unwrap();
        assert!(done.success());
    }

    /// Stops it gracefully, and returns the exit status.
    pub(crate) fn stop(mut self) -> std::process::ExitStatus {
        self.signal("-TERM");
        self.child.wait().unwrap()
    }

    /// Kills it at once, like a power cut.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A response.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

pub(crate) fn exchange(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Answer {
    exchange_as(&address.to_string(), address, method, path, headers, body)
}

/// The same, with another host in `Host`.
pub(crate) fn exchange_as(
    host: &str,
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Answer {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
    stream.write_all(head.as_bytes()).unwrap();
    // A server that refuses early closes while the client still writes.
    let _ = stream.write_all(body);
    read_response(stream)
}

/// Reads one response.
pub(crate) fn read_response(stream: TcpStream) -> Answer {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    let status = line.split(' ').nth(1).unwrap_or_else(|| panic!("no status in {line:?}"));
    let status = status.parse().unwrap();
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            break;
        };
        headers.push((name.to_owned(), value.to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let length: usize = length.map_or(0, |(_, value)| value.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    Answer { status, headers, body }
}

/// Returns the headers of a signed GitHub delivery.
pub(crate) fn signed(body: &[u8], delivery: &str) -> Vec<(String, String)> {
    let digest = hookgate_hmac(SECRET, body);
    [
        ("Content-Type", "application/json".to_owned()),
        ("X-GitHub-Event", "issues".to_owned()),
        ("X-GitHub-Delivery", delivery.to_owned()),
        ("X-Hub-Signature-256", format!("sha256={digest}")),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

/// An HMAC, computed by the language, whose own tests use published test vectors.
pub(crate) fn hookgate_hmac(secret: &str, body: &[u8]) -> String {
    use hookgate::engine::{Context, Engine, Secrets, Value};
    let program = Engine::new().compile("$HMAC_SHA256($SECRET('KEY'), body).$HEX()").unwrap();
    let mut secrets = Secrets::default();
    secrets.add("KEY", secret);
    let mut context = Context::new();
    context.set("body", Value::Bytes(body)).set_secrets(&secrets);
    program.eval(&context).unwrap().borrow().as_text().unwrap().to_owned()
}

pub(crate) fn borrowed(headers: &[(String, String)]) -> Vec<(&str, &str)> {
    headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}
