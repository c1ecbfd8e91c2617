//! A server of documents by TLS, and a name server that leads to it.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ServerConfig, ServerConnection, StreamOwned};

/// The answer to a request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Document {
    pub(crate) status: u16,
    pub(crate) headers: String,
    pub(crate) body: Vec<u8>,
    pub(crate) delay: Duration,
}

impl Document {
    pub(crate) fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self { status: 200, body: body.into(), ..Self::default() }
    }

    pub(crate) fn status(status: u16, headers: &str) -> Self {
        Self { status, headers: headers.to_owned(), ..Self::default() }
    }

    pub(crate) fn after(self, delay: Duration) -> Self {
        Self { delay, ..self }
    }
}

type Answers = dyn Fn(&str) -> Document + Send + Sync;

/// A server that listens. It answers by the target of a request.
pub(crate) struct DocumentServer {
    pub(crate) address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl DocumentServer {
    /// Starts a server with the certificate `cert.pem` of a folder. `None` if the address cannot be
    /// used.
    pub(crate) fn start(
        folder: &Path,
        address: SocketAddr,
        answers: impl Fn(&str) -> Document + Send + Sync + 'static,
    ) -> Option<Self> {
        let listener = TcpListener::bind(address).ok()?;
        let address = listener.local_addr().unwrap();
        let tls = Arc::new(configuration(folder));
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let (answers, all): (Arc<Answers>, _) = (Arc::new(answers), Arc::clone(&asked));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let connection = ServerConnection::new(Arc::clone(&tls)).unwrap();
                let (answers, all) = (Arc::clone(&answers), Arc::clone(&all));
                std::thread::spawn(move || serve(stream, connection, &*answers, &all));
            }
        });
        Some(Self { address, asked })
    }

    /// Returns the targets of the requests so far.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn configuration(folder: &Path) -> ServerConfig {
    let certificates = CertificateDer::pem_file_iter(folder.join("cert.pem")).unwrap();
    let certificates = certificates.collect::<Result<Vec<_>, _>>().unwrap();
    let key = PrivateKeyDer::from_pem_file(folder.join("key.pem")).unwrap();
    ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(certificates, key)
        .unwrap()
}

fn serve(
    stream: TcpStream,
    connection: ServerConnection,
    answers: &Answers,
    all: &Mutex<Vec<String>>,
) -> Option<()> {
    let mut stream = BufReader::new(StreamOwned::new(connection, stream));
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let target = line.split(' ').nth(1)?.to_owned();
        let mut header = String::from("-");
        while !header.trim().is_empty() {
            header.clear();
            stream.read_line(&mut header).ok()?;
        }
        all.lock().unwrap().push(target.clone());
        let Document { status, headers, body, delay } = answers(&target);
        std::thread::sleep(delay);
        let head =
            format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n{headers}\r\n", body.len());
        let output = stream.get_mut();
        output.write_all(head.as_bytes()).ok()?;
        output.write_all(&body).ok()?;
        output.flush().ok()?;
    }
}

/// Starts a DNS server that leads every name to an address.
pub(crate) fn name_server(address: SocketAddr) -> SocketAddr {
    let SocketAddr::V4(address) = address else { panic!("an IPv4 address") };
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let server = socket.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut buffer = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            let answer = super::fairness::answered(&buffer[..length], address.ip().octets());
            socket.send_to(&answer, from).unwrap();
        }
    });
    server
}
