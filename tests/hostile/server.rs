//! A server of files on loopback that behaves as badly as a test wants.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// What is done to files whose name has `of` in it.
#[derive(Clone, Copy, Default)]
pub struct Fault {
    pub of: &'static str,
    /// This much is sent, and then the connection is reset.
    pub dies_after: Option<usize>,
    /// Content-Length is the file's and this.
    pub lies_by: i64,
    /// This many bytes in each tenth of a second.
    pub slow: Option<usize>,
}

pub struct Server {
    pub address: String,
    fault: Arc<Mutex<Fault>>,
}

impl Server {
    pub fn of(folder: &Path) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let fault = Arc::new(Mutex::new(Fault::default()));
        let (folder, shared) = (folder.to_owned(), fault.clone());
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (folder, fault) = (folder.clone(), shared.clone());
                thread::spawn(move || while let Some(()) = answer(&stream, &folder, &fault) {});
            }
        });
        Server { address, fault }
    }

    pub fn has(&self, fault: Fault) {
        *self.fault.lock().unwrap() = fault;
    }
}

/// One request; `None` where the connection is to end.
fn answer(mut stream: &TcpStream, folder: &Path, fault: &Mutex<Fault>) -> Option<()> {
    let (mut request, mut byte) = (Vec::new(), [0]);
    while !request.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).ok()?;
        request.push(byte[0]);
    }
    let request = String::from_utf8(request).ok()?;
    let path: PathBuf = request.split(' ').nth(1)?.trim_start_matches('/').into();
    let Ok(bytes) = fs::read(folder.join(&path)) else {
        let text = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
        return stream.write_all(text.as_bytes()).ok();
    };
    let fault = *fault.lock().unwrap();
    let fault = if path.to_str()?.contains(fault.of) { fault } else { Fault::default() };
    let asked = request.lines().find_map(|line| line.to_lowercase().strip_prefix("range: bytes=").map(str::to_owned));
    let from: usize = asked.and_then(|range| range.split('-').next()?.parse().ok()).unwrap_or(0);
    if from >= bytes.len() && from > 0 {
        let total = bytes.len();
        let text = format!("HTTP/1.1 416 No\r\nContent-Range: bytes */{total}\r\nContent-Length: 0\r\n\r\n");
        return stream.write_all(text.as_bytes()).ok();
    }
    let (total, bytes) = (bytes.len(), &bytes[from..]);
    let length = bytes.len() as i64 + fault.lies_by;
    let head = match from {
        0 => "HTTP/1.1 200 OK\r\n".to_owned(),
        _ => format!("HTTP/1.1 206 Part\r\nContent-Range: bytes {from}-{}/{total}\r\n", total - 1),
    };
    write!(stream, "{head}Content-Length: {length}\r\n\r\n").ok()?;
    if let Some(end) = fault.dies_after {
        stream.write_all(&bytes[..end.min(bytes.len())]).ok()?;
        return None;
    }
    match fault.slow {
        // Slowness is what this is about; whoever listens ends the test by going away.
        Some(piece) => bytes.chunks(piece).try_for_each(|piece| {
            thread::sleep(Duration::from_millis(100));
            stream.write_all(piece)
        }),
        None => stream.write_all(bytes),
    }
    .ok()?;
    (fault.lies_by == 0).then_some(())
}
