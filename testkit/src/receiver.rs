//! A web server that takes what hooks send, and behaves as badly as a test asks it to.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// How a request is answered.
#[derive(Clone, Debug)]
pub enum Answer {
    /// With this status, and no more.
    Status(u16),
    /// With a status, and these lines of the head.
    With(u16, String),
    /// With 200, a byte at a time over that time.
    Slow(Duration),
    /// With nothing: the connection is closed in the middle of the request.
    Drop,
    /// With half an answer.
    Half,
    /// With nothing, for as long as the client waits.
    Hang,
    /// With bytes that are not HTTP.
    Nonsense,
}

/// What was received.
#[derive(Clone, Debug)]
pub struct Received {
    /// The method and the path.
    pub line: String,
    /// The head, each name in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Received {
    /// Returns a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Returns the body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// A server on 127.0.0.1. It goes on until the test ends.
#[derive(Debug)]
pub struct Receiver {
    address: SocketAddr,
    shared: Arc<Shared>,
}

/// What the receiver and its connections share.
#[derive(Debug, Default)]
struct Shared {
    received: Mutex<Vec<Received>>,
    answers: Mutex<Vec<Answer>>,
    /// The connections whose clients wait.
    waiting: Mutex<Vec<TcpStream>>,
}

impl Receiver {
    /// Starts a server that answers the first request with the first answer, and every request after the last answer with that.
    ///
    /// # Panics
    /// When the system gives no port.
    #[must_use]
    pub fn start(answers: &[Answer]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("its address");
        let shared = Arc::new(Shared { answers: Mutex::new(answers.to_vec()), ..Shared::default() });
        let of_all = Arc::clone(&shared);
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let shared = Arc::clone(&of_all);
                thread::spawn(move || talk(connection, &shared));
            }
        });
        Self { address, shared }
    }

    /// Returns the address of a path on it.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Returns its port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Answers like that from now on.
    ///
    /// # Panics
    /// When another thread panicked.
    pub fn answer(&self, answer: Answer) {
        *self.shared.answers.lock().expect("the answers") = vec![answer];
    }

    /// Ends the connections of all clients that wait for [`Answer::Hang`] or [`Answer::Slow`].
    ///
    /// # Panics
    /// When another thread panicked.
    pub fn hang_up(&self) {
        for connection in self.shared.waiting.lock().expect("those who wait").drain(..) {
            // The client may have gone.
            let _ = connection.shutdown(Shutdown::Both);
        }
    }

    /// Returns what was received so far.
    ///
    /// # Panics
    /// When another thread panicked.
    #[must_use]
    pub fn received(&self) -> Vec<Received> {
        self.shared.received.lock().expect("what was received").clone()
    }

    /// Waits until so many requests came, and returns them.
    ///
    /// # Panics
    /// When they do not come within a minute.
    #[must_use]
    pub fn wait_for(&self, number: usize) -> Vec<Received> {
        let begun = Instant::now();
        loop {
            let received = self.received();
            if received.len() >= number {
                return received;
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "only {received:?}");
            thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Reads a request; `None` when the client goes away.
fn read(connection: &TcpStream) -> Option<Received> {
    let mut reader = BufReader::new(connection);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut headers = Vec::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim_end().split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let mut body = vec![0; length.and_then(|(_, value)| value.parse().ok()).unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    let line = line.trim_end().trim_end_matches(" HTTP/1.1").to_owned();
    Some(Received { line, headers, body })
}

fn talk(mut connection: TcpStream, shared: &Shared) {
    let answer = {
        let mut answers = shared.answers.lock().expect("the answers");
        if answers.len() > 1 { answers.remove(0) } else { answers.first().cloned().unwrap_or(Answer::Hang) }
    };
    if matches!(answer, Answer::Drop) {
        let _ = connection.read(&mut [0; 8]);
        return;
    }
    let Some(request) = read(&connection) else { return };
    if matches!(answer, Answer::Hang | Answer::Slow(_)) {
        let waiting = connection.try_clone().expect("the same connection");
        shared.waiting.lock().expect("those who wait").push(waiting);
    }
    shared.received.lock().expect("what was received").push(request);
    let _ = match answer {
        Answer::Status(status) => {
            write!(connection, "HTTP/1.1 {status} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        }
        Answer::With(status, head) => {
            write!(
                connection,
                "HTTP/1.1 {status} X\r\nContent-Length: 0\r\nConnection: close\r\n{head}\r\n\r\n"
            )
        }
        Answer::Slow(time) => {
            let text = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            let pause = time / u32::try_from(text.len()).unwrap_or(1);
            text.bytes().try_for_each(|byte| {
                thread::sleep(pause);
                connection.write_all(&[byte])
            })
        }
        Answer::Half => connection.write_all(b"HTTP/1.1 200 OK\r\nContent-"),
        Answer::Nonsense => connection.write_all(b"220 mail.example.org ESMTP\r\n"),
        Answer::Hang => {
            // Until the client closes it.
            let _ = connection.read(&mut [0; 1]);
            Ok(())
        }
        Answer::Drop => Ok(()),
    };
}
