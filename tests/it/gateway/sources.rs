//! Secret sources: the files and variables that the listeners of a tenant may use.

use std::path::Path;
use std::process::Output;

use super::running::{Folder, Gateway, program};

const HEAD: &str = "id = \"5b1f1f0c-8f6f-4e0b-9a53-0f8d0d2c7a11\"\nname = \"Theirs\"\n";

/// Writes a listener of another tenant beside the one for GitHub.
fn write_listener(folder: &Folder, tenant: &str, rest: &str) {
    folder.write("listeners/theirs.toml", &format!("{HEAD}tenant = \"{tenant}\"\n{rest}"));
}

fn from_file(name: &str) -> String {
    format!("secrets = {{ S = {{ file = \"{name}\" }} }}\n")
}

fn from_variable(name: &str) -> String {
    format!("secrets = {{ S = {{ env = \"{name}\" }} }}\n")
}

fn stderr_of(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Returns the output of `check` for the folder, with this environment.
fn check(folder: &Path) -> (Option<i32>, String) {
    let mut check = program();
    check.env("HOOKGATE_KEY", "11".repeat(32)).env("HOOKGATE_TOKEN", "t").env("ACME_TOKEN", "t");
    let output = check.args(["check", folder.to_str().unwrap()]).output().unwrap();
    (output.status.code(), stderr_of(&output))
}

/// A folder in which a gateway ran, with its store, its key and a backup.
fn used_folder() -> (Folder, String) {
    let folder = Folder::with_listener("");
    assert!(folder.serve().stop().success());
    let copy = folder.path().join("secrets/copy");
    let backup = program()
        .args(["backup", copy.to_str().unwrap(), "-C", folder.path().to_str().unwrap()])
        .output()
        .unwrap();
    assert!(backup.status.success(), "{}", stderr_of(&backup));
    let key = std::fs::read_to_string(folder.path().join("hookgate.db.key")).unwrap();
    (folder, key)
}

#[test]
fn the_store_its_key_and_the_configuration_cannot_be_secret_files() {
    let (folder, key) = used_folder();
    let path = folder.path();
    std::os::unix::fs::symlink("../hookgate.db.key", path.join("secrets/link")).unwrap();
    std::os::unix::fs::symlink("..", path.join("secrets/up")).unwrap();
    std::fs::hard_link(path.join("hookgate.db.key"), path.join("secrets/hard")).unwrap();
    let absolute = path.join("hookgate.db.key").display().to_string();
    for name in [
        "hookgate.db.key",
        "./hookgate.db.key",
        "secrets/../hookgate.db.key",
        "hookgate.db",
        "hookgate.db-wal",
        "hookgate.toml",
        "listeners/github.toml",
        "secrets/link",
        "secrets/up/hookgate.db.key",
        "secrets/hard",
        "secrets/copy",
        absolute.as_str(),
    ] {
        // Not even if a list names it.
        for list in ["", "[tenants.other]\nsecret_files = [\"/\", \"secrets/\", \"h*\", \"./\"]\n"]
        {
            folder.settings(list);
            write_listener(&folder, "other", &from_file(name));
            let (_, report) = check(path);
            assert!(report.contains("E0609") || report.contains("W0606"), "{name}: {report}");
            assert!(!report.contains(key.trim()), "{report}");
            let serve = program().args(["serve", "-C", path.to_str().unwrap()]).output().unwrap();
            assert_eq!(serve.status.code(), Some(1), "{name}");
        }
    }
    folder.settings("");
    for other in [
        "samples = [\"hookgate.db.key\"]\n",
        "schema = { file = \"secrets/link\" }\n",
        "schema = { file = \"secrets/copy\" }\n",
        "[[verify]]\nname = \"a\"\njwt = { jwks = \"hookgate.db.key\", algorithms = [\"RS256\"], \
         issuer = \"i\", audience = \"a\" }\n",
    ] {
        write_listener(&folder, "other", other);
        let (code, report) = check(path);
        assert_eq!(code, Some(1), "{other}: {report}");
        assert!(report.contains("own") || report.contains("a database"), "{other}: {report}");
        assert!(!report.contains(key.trim()), "{report}");
    }
}

#[test]
fn by_default_a_tenant_reads_files_below_the_folder_and_no_gateway_variables() {
    let folder = Folder::with_listener("");
    // Like secrets mounted by Kubernetes: links to links, below the folder.
    folder.write("secrets/..data_1/token", "t\n");
    std::os::unix::fs::symlink("..data_1", folder.path().join("secrets/..data")).unwrap();
    std::os::unix::fs::symlink("..data/token", folder.path().join("secrets/token")).unwrap();
    for (rest, refused) in [
        (from_file("secrets/token"), None),
        (from_variable("ACME_TOKEN"), None),
        (from_variable("HOOKGATE_KEY"), Some("it is the gateway's own")),
        (from_variable("HOOKGATE_TOKEN"), Some("begin with `HOOKGATE_`")),
        (from_file("/etc/hostname"), Some("not below the configuration's folder")),
        (from_file("../secret"), Some("not below the configuration's folder")),
    ] {
        write_listener(&folder, "other", &rest);
        let (code, report) = check(folder.path());
        match refused {
            None => assert_eq!(code, Some(0), "{rest}: {report}"),
            Some(reason) => {
                assert_eq!(code, Some(1), "{rest}: {report}");
                assert!(
                    report.contains("error[E0609]") && report.contains(reason),
                    "{rest}: {report}"
                );
                assert!(report.contains("theirs.toml:4"), "{report}");
            }
        }
    }
    let (_, report) = check(folder.path());
    assert!(report.contains("[tenants.other]") && report.contains("secret_files"), "{report}");
}

#[test]
fn a_secret_source_list_of_a_tenant_is_exclusive() {
    let folder = Folder::with_listener("");
    let shared = tempfile::tempdir().unwrap();
    std::fs::write(shared.path().join("token"), "t").unwrap();
    let outside = shared.path().join("token").display().to_string();
    let lists = format!(
        "[tenants.acme]\nsecret_env = [\"ACME_*\"]\nsecret_files = [\"secrets/\"]\n\
         [tenants.other]\nsecret_env = [\"HOOKGATE_TOKEN\", \"HOOKGATE_KEY\"]\n\
         secret_files = [\"{outside}\"]\n"
    );
    folder.settings(&lists);
    folder.write("more/token", "t");
    for (tenant, rest, allowed) in [
        ("acme", from_variable("ACME_TOKEN"), true),
        ("acme", from_variable("HOOKGATE_TOKEN"), false),
        ("acme", from_variable("PATH"), false),
        ("acme", from_file("secrets/github"), true),
        ("acme", from_file("more/token"), false),
        ("acme", from_file("secrets/../more/token"), false),
        ("other", from_variable("HOOKGATE_TOKEN"), true),
        ("other", from_variable("HOOKGATE_KEY"), false),
        ("other", from_variable("ACME_TOKEN"), false),
        ("other", from_file(&outside), true),
        ("other", from_file("secrets/github"), false),
        // Without a list, a tenant may use everything that no other list names.
        ("third", from_file("more/token"), true),
        ("third", from_file("secrets/github"), false),
        ("third", from_file(&outside), false),
        ("third", from_variable("ACME_TOKEN"), false),
        ("third", "schema = { file = \"secrets/github\" }\n".to_owned(), false),
    ] {
        write_listener(&folder, tenant, &rest);
        let (code, report) = check(folder.path());
        assert_eq!(code, Some(i32::from(!allowed)), "{tenant}: {rest}: {report}");
        assert_eq!(report.contains("E0609"), !allowed, "{tenant}: {rest}: {report}");
    }
}

#[test]
fn a_secret_source_shared_by_two_tenants_is_a_warning() {
    let folder = Folder::with_listener("");
    for (tenant, rest, warned) in [
        ("other", from_file("./secrets/github"), true),
        ("acme", from_file("secrets/github"), false),
        ("other", format!("allow = [\"W0607\"]\n{}", from_file("secrets/github")), true),
    ] {
        write_listener(&folder, tenant, &rest);
        let (code, report) = check(folder.path());
        assert_eq!(code, Some(0), "{report}");
        assert_eq!(report.contains("warning[W0607]"), warned, "{tenant}: {report}");
        let quiet = rest.starts_with("allow");
        assert_eq!(report.contains("theirs.toml:4"), warned && !quiet, "{report}");
        let gateway: Gateway = folder.serve();
        assert!(gateway.stop().success());
    }
}
