//! A web server on the loopback interface whose every answer is chosen by the test.

use std::sync::{Arc, Mutex};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// What was asked.
#[derive(Debug, Clone)]
pub(super) struct Request {
    /// `GET /path`.
    pub(super) line: String,
    headers: Vec<(String, String)>,
    /// How many requests came before.
    pub(super) index: usize,
}

impl Request {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

/// What is answered.
#[derive(Debug, Clone)]
pub(super) struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    /// How much of the body is really sent.
    sent: usize,
    /// Whether the connection stays open after that.
    hang: bool,
}

impl Reply {
    pub(super) fn status(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new(), sent: 0, hang: false }
    }

    /// The content or the asked range of it, as a correct server answers.
    pub(super) fn content(request: &Request, content: &[u8], etag: &str) -> Self {
        let same = request.header("if-range").is_none_or(|tag| tag == etag);
        let range = request.header("range").filter(|_| same);
        let start =
            range.map(|range| range["bytes=".len()..].trim_end_matches('-').parse::<usize>().unwrap());
        let body = content[start.unwrap_or(0)..].to_vec();
        let reply = Self { sent: body.len(), body, ..Self::status(if start.is_some() { 206 } else { 200 }) };
        let reply = reply.with("etag", etag);
        match start {
            Some(start) => {
                reply.with("content-range", &format!("bytes {start}-{}/{}", content.len() - 1, content.len()))
            }
            None => reply,
        }
    }

    pub(super) fn with_body(self, body: &[u8]) -> Self {
        Self { body: body.to_vec(), sent: body.len(), ..self }
    }

    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Breaks off after so many bytes of the body.
    pub(super) fn cut(self, sent: usize) -> Self {
        Self { sent, ..self }
    }

    /// Sends so many bytes of the body and then nothing more, with the connection open.
    pub(super) fn hang(self, sent: usize) -> Self {
        Self { sent, hang: true, ..self }
    }
}

/// Runs until the test's runtime ends.
pub(super) struct Server {
    pub(super) address: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    pub(super) async fn start(answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let requests: Arc<Mutex<Vec<Request>>> = Arc::default();
        let (heard, answer) = (Arc::clone(&requests), Arc::new(answer));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&heard), Arc::clone(&answer)));
            }
        });
        Self { address, requests }
    }

    /// A server that always serves this content at any path.
    pub(super) async fn of(content: &[u8]) -> Self {
        let content = content.to_vec();
        Self::start(move |request| Reply::content(request, &content, "\"v1\"")).await
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.address)
    }

    pub(super) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    /// The ranges asked for, one per request.
    pub(super) fn ranges(&self) -> Vec<Option<String>> {
        self.requests().iter().map(|request| request.header("range").map(str::to_owned)).collect()
    }
}

async fn serve(
    mut stream: TcpStream,
    heard: Arc<Mutex<Vec<Request>>>,
    answer: Arc<impl Fn(&Request) -> Reply + Send + Sync + 'static>,
) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let head = String::from_utf8(head).unwrap();
    let mut lines = head.lines();
    let line = lines.next().unwrap().trim_end_matches(" HTTP/1.1").to_owned();
    let header = |line: &str| line.split_once(": ").map(|(n, v)| (n.to_ascii_lowercase(), v.to_owned()));
    let headers = lines.filter_map(header).collect();
    let request = {
        let mut heard = heard.lock().unwrap();
        let request = Request { line, headers, index: heard.len() };
        heard.push(request.clone());
        request
    };
    let reply = answer(&request);
    let mut text = format!("HTTP/1.1 {} X\r\nconnection: close\r\n", reply.status);
    for (name, value) in &reply.headers {
        text += &format!("{name}: {value}\r\n");
    }
    text += &format!("content-length: {}\r\n\r\n", reply.body.len());
    let body = if request.line.starts_with("HEAD") { &[] } else { &reply.body[..reply.sent] };
    if stream.write_all(text.as_bytes()).await.is_err() || stream.write_all(body).await.is_err() {
        return;
    }
    if reply.hang {
        // Ends when the client closes.
        stream.read_u8().await.ok();
    }
}
