//! A receiver of deliveries with a configurable behaviour.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// The response of a receiver to a request.
#[derive(Debug, Clone)]
pub(crate) enum Reaction {
    /// Answers with a status, headers and a body.
    Answers(u16, &'static str, &'static str),
    /// Answers after a delay.
    Waits(Duration, u16),
    /// Never answers.
    Stalls,
    /// Closes the connection without a response.
    Closes,
    /// Closes the connection in the middle of the response head.
    Breaks,
    /// Answers 200 with an endless body.
    Floods,
    /// Answers 200, and stalls in the body.
    StallsInBody,
    /// Sends endless informational responses.
    Continues,
}

/// A received request.
#[derive(Debug, Clone)]
pub(crate) struct ReceivedRequest {
    pub(crate) line: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
    pub(crate) at: Instant,
}

impl ReceivedRequest {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

type Behaviour = dyn Fn(usize, &ReceivedRequest) -> Reaction + Send + Sync;

/// A receiver that listens.
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    got: Arc<Mutex<Vec<ReceivedRequest>>>,
}

impl Receiver {
    /// Starts a receiver. `does` returns the response to each request, counted from 0.
    pub(crate) fn new(
        does: impl Fn(usize, &ReceivedRequest) -> Reaction + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let got = Arc::<Mutex<Vec<ReceivedRequest>>>::default();
        let (does, all): (Arc<Behaviour>, _) = (Arc::new(does), Arc::clone(&got));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (does, all) = (Arc::clone(&does), Arc::clone(&all));
                std::thread::spawn(move || serve(&stream, &*does, &all));
            }
        });
        Self { address, got }
    }

    /// Starts a receiver that always answers 200.
    pub(crate) fn healthy() -> Self {
        Self::new(|_, _| Reaction::Answers(200, "", "ok"))
    }

    /// Starts a receiver that does not answer while the flag is set. It is set first.
    pub(crate) fn hanging() -> (Self, Arc<AtomicBool>) {
        let hangs = Arc::new(AtomicBool::new(true));
        let still = Arc::clone(&hangs);
        let receiver = Self::new(move |_, _| match still.load(Ordering::SeqCst) {
            true => Reaction::Stalls,
            false => Reaction::Answers(200, "", ""),
        });
        (receiver, hangs)
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    pub(crate) fn received(&self) -> Vec<ReceivedRequest> {
        self.got.lock().unwrap().clone()
    }

    /// Waits for a number of requests, and returns all of them.
    pub(crate) fn wait_for(&self, number: usize) -> Vec<ReceivedRequest> {
        let until = Instant::now() + Duration::from_secs(20);
        loop {
            let got = self.received();
            if got.len() >= number {
                return got;
            }
            assert!(Instant::now() < until, "{} of {number} requests", got.len());
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

fn serve(
    mut stream: &TcpStream,
    does: &Behaviour,
    all: &Mutex<Vec<ReceivedRequest>>,
) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    loop {
        let got = read(&mut reader)?;
        let number = {
            let mut all = all.lock().unwrap();
            all.push(got.clone());
            all.len() - 1
        };
        let answer = |mut stream: &TcpStream, status: u16, headers: &str, body: &str| {
            let length = body.len();
            let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n{headers}\r\n");
            stream.write_all(format!("{head}{body}").as_bytes()).ok()
        };
        match does(number, &got) {
            Reaction::Answers(status, headers, body) => answer(stream, status, headers, body)?,
            Reaction::Waits(time, status) => {
                std::thread::sleep(time);
                answer(stream, status, "", "")?;
            }
            Reaction::Stalls => {
                std::thread::sleep(Duration::from_secs(60));
                return None;
            }
            Reaction::Closes => return close(&mut reader),
            Reaction::Breaks => {
                stream.write_all(b"HTTP/1.1 200 O").ok()?;
                return close(&mut reader);
            }
            Reaction::Floods => {
                let length = 1_u64 << 30;
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n");
                stream.write_all(head.as_bytes()).ok()?;
                loop {
                    stream.write_all(&[b'x'; 65536]).ok()?;
                }
            }
            Reaction::Continues => {
                let many = "HTTP/1.1 100 Continue\r\n\r\n".repeat(1000);
                loop {
                    stream.write_all(many.as_bytes()).ok()?;
                }
            }
            Reaction::StallsInBody => {
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab").ok()?;
                std::thread::sleep(Duration::from_secs(60));
                return None;
            }
        }
    }
}

/// Closes the connection, and waits until the client has closed it too: a connection that is dropped
/// at once may be reset, and the client would report another failure.
fn close(reader: &mut BufReader<TcpStream>) -> Option<()> {
    let stream = reader.get_ref();
    stream.shutdown(Shutdown::Write).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
    std::io::copy(reader, &mut std::io::sink()).ok()?;
    None
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<ReceivedRequest> {
    let mut line = String::new();
    if reader.read_line(&mut line).ok()? == 0 {
        return None;
    }
    let mut headers = Vec::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim_end().split_once(": ") else {
            break;
        };
        headers.push((name.to_owned(), value.to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let mut body = vec![0; length?.1.parse().ok()?];
    reader.read_exact(&mut body).ok()?;
    let body = String::from_utf8(body).ok()?;
    Some(ReceivedRequest { line: line.trim_end().to_owned(), headers, body, at: Instant::now() })
}
