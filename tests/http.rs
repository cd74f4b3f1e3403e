//! Downloads from real servers on loopback: every way in which they behave, misbehave and break off.

use omg::sys::http::{Network, Options, Outcome, Progress, Proxies, download};
use omg::sys::resolve::Names;
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What the server does with one request.
struct Reply {
    bytes: Vec<u8>,
    /// Hold the connection, silent, until the client gives up.
    stall: bool,
}

impl Reply {
    fn new(status: &str, headers: &str, body: &[u8]) -> Reply {
        let mut bytes = format!("HTTP/1.1 {status}\r\nConnection: close\r\n{headers}\r\n").into_bytes();
        bytes.extend(body);
        Reply { bytes, stall: false }
    }

    fn sized(status: &str, headers: &str, body: &[u8]) -> Reply {
        Reply::new(status, &format!("Content-Length: {}\r\n{headers}", body.len()), body)
    }

    /// Sends only so much of the body, and closes.
    fn cut(mut self, body_bytes: usize) -> Reply {
        let head = self.bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
        self.bytes.truncate(head + body_bytes);
        self
    }

    fn stalled(mut self) -> Reply {
        self.stall = true;
        self
    }
}

struct Server {
    port: u16,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// `answer` gets the text of the request's head and how many came before.
    fn start(answer: impl Fn(&str, usize) -> Reply + Send + 'static) -> Server {
        Server::serving(move |stream, requests| {
            let request = head_of(stream);
            let before = {
                let mut requests = requests.lock().unwrap();
                requests.push(request.clone());
                requests.len() - 1
            };
            let reply = answer(&request, before);
            // The client may have had enough.
            let _ = stream.write_all(&reply.bytes);
            if reply.stall {
                let _ = stream.read(&mut [0]);
            }
        })
    }

    /// `serve` has each connection, one after another, and the heads of the requests so far.
    fn serving(serve: impl Fn(&mut TcpStream, &Mutex<Vec<String>>) + Send + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = requests.clone();
        std::thread::spawn(move || listener.incoming().for_each(|stream| serve(&mut stream.unwrap(), &seen)));
        Server { port, requests }
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}/file", self.port)
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

/// In lower case.
fn head_of(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|got| got == 1) {
        head.push(byte[0]);
    }
    String::from_utf8_lossy(&head).to_lowercase()
}

fn header<'a>(request: &'a str, name: &str) -> Option<&'a str> {
    request.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

/// Where a `Range` of a request begins.
fn range_start(request: &str) -> Option<usize> {
    header(request, "range")?.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()
}

fn network() -> Network {
    Network {
        names: Names { timeout: Duration::from_secs(10), ..Names::system() },
        proxies: Proxies::default(),
        ca_files: Vec::new(),
        connect_timeout: Duration::from_secs(10),
        stall_timeout: Duration::from_secs(10),
    }
}

const MAX: u64 = 16 << 20;

fn get_with(network: &Network, url: &str, dest: &Path, max_bytes: u64) -> Result<Outcome, String> {
    let options = Options { network, max_bytes, progress: &|_| {}, check: &|_| Ok(()) };
    download(url, dest, &options).map_err(|error| format!("{error:#}"))
}

fn get(url: &str, dest: &Path) -> Result<Outcome, String> {
    get_with(&network(), url, dest, MAX)
}

struct Place {
    _folder: tempfile::TempDir,
    dest: PathBuf,
}

fn place() -> Place {
    let folder = tempfile::tempdir().unwrap();
    let dest = folder.path().join("list.gz");
    Place { _folder: folder, dest }
}

impl Place {
    fn content(&self) -> Vec<u8> {
        std::fs::read(&self.dest).unwrap()
    }

    fn names(&self) -> Vec<String> {
        let mut all: Vec<_> = std::fs::read_dir(self._folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        all.sort();
        all
    }
}

/// Bytes without a period, so that a wrong offset shows.
fn noise(len: usize, seed: u64) -> Vec<u8> {
    let mut state = seed | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..len).map(|_| next()).collect()
}

#[test]
fn an_unchanged_file_is_not_sent_again() {
    let server = Server::start(|request, _| match header(request, "if-none-match") {
        Some("\"one\"") => Reply::new("304 Not Modified", "", b""),
        _ => Reply::sized("200 OK", "ETag: \"one\"\r\n", b"content"),
    });
    let place = place();
    assert_eq!(get(&server.url(), &place.dest), Ok(Outcome::Replaced { size_bytes: 7 }));
    assert_eq!(get(&server.url(), &place.dest), Ok(Outcome::Unchanged));
    assert_eq!(place.content(), b"content");
    assert_eq!(place.names(), ["list.gz", "list.gz.http"]);
    assert_eq!(std::fs::metadata(&place.dest).unwrap().permissions().mode() & 0o777, 0o644);
    // What is remembered is of that file and no other.
    std::fs::write(&place.dest, b"changed").unwrap();
    assert_eq!(get(&server.url(), &place.dest), Ok(Outcome::Replaced { size_bytes: 7 }));
    assert_eq!(place.content(), b"content");
    std::fs::write(place._folder.path().join("list.gz.http"), b"\xff\0 garbage").unwrap();
    assert_eq!(get(&server.url(), &place.dest), Ok(Outcome::Replaced { size_bytes: 7 }));
}

#[test]
fn a_date_serves_where_there_is_no_etag() {
    let server = Server::start(|request, _| match header(request, "if-modified-since") {
        Some("mon, 01 jan 2024 00:00:00 gmt") => Reply::new("304 Not Modified", "", b""),
        _ => Reply::sized("200 OK", "Last-Modified: Mon, 01 Jan 2024 00:00:00 GMT\r\n", b"content"),
    });
    let place = place();
    get(&server.url(), &place.dest).unwrap();
    assert_eq!(get(&server.url(), &place.dest), Ok(Outcome::Unchanged));
}

#[test]
fn a_304_that_nobody_asked_for_is_an_error() {
    let server = Server::start(|_, _| Reply::new("304 Not Modified", "", b""));
    let place = place();
    assert!(get(&server.url(), &place.dest).unwrap_err().contains("304"));
    assert!(!place.dest.exists());
}

/// Sends a file in pieces of `every` bytes, each on a connection of its own that breaks off.
fn breaking(body: Vec<u8>, every: usize, headers: &'static str) -> Server {
    Server::start(move |request, _| {
        let total = body.len();
        let Some(start) = range_start(request) else {
            return Reply::sized("200 OK", headers, &body).cut(every.min(total));
        };
        let range = format!("Content-Range: bytes {start}-{}/{total}\r\n{headers}", total - 1);
        Reply::sized("206 Partial Content", &range, &body[start..]).cut(every.min(total - start))
    })
}

#[test]
fn cut_at_every_64_kib_it_goes_on_where_it_was() {
    let body = noise(1_000_000, 1);
    let server = breaking(body.clone(), 64 << 10, "ETag: \"one\"\r\n");
    let place = place();
    assert_eq!(get(&server.url(), &place.dest), Ok(Outcome::Replaced { size_bytes: 1_000_000 }));
    assert_eq!(place.content(), body);
    let requests = server.requests();
    assert_eq!(requests.len(), 1_000_000_usize.div_ceil(64 << 10));
    assert!(requests[1..].iter().all(|request| header(request, "if-range") == Some("\"one\"")));
}

#[test]
fn cuts_too_close_together_end_the_attempt_and_the_next_goes_on() {
    let body = noise(30_000, 2);
    let server = breaking(body.clone(), 10_000, "ETag: \"one\"\r\n");
    let place = place();
    for _ in 0..2 {
        assert!(get(&server.url(), &place.dest).is_err());
        assert!(!place.dest.exists(), "no half file");
    }
    assert_eq!(get(&server.url(), &place.dest), Ok(Outcome::Replaced { size_bytes: 30_000 }));
    assert_eq!(place.content(), body);
    assert_eq!(place.names(), ["list.gz", "list.gz.http"]);
}

#[test]
fn without_a_strong_word_for_the_version_it_begins_anew() {
    for headers in ["", "ETag: W/\"one\"\r\n", "Date: x\r\nLast-Modified: x\r\n"] {
        let server = breaking(noise(100_000, 3), 50_000, headers);
        let place = place();
        for _ in 0..2 {
            assert!(get(&server.url(), &place.dest).is_err());
        }
        assert!(server.requests().iter().all(|request| range_start(request).is_none()), "{headers}");
    }
}

#[test]
fn a_server_that_ignores_ranges_sends_all_of_it() {
    let body = noise(200_000, 4);
    let sent = body.clone();
    let server = Server::start(move |_, before| {
        let whole = Reply::sized("200 OK", "ETag: \"one\"\r\n", &sent);
        if before == 0 { whole.cut(100_000) } else { whole }
    });
    let place = place();
    get(&server.url(), &place.dest).unwrap();
    assert_eq!(place.content(), body);
    assert_eq!(range_start(&server.requests()[1]), Some(100_000));
}

#[test]
fn a_file_that_changed_between_attempts_is_never_patched_together() {
    // Three servers: one that knows If-Range, one that ignores it but names the new version, one that says the range
    // is beyond the new file.
    for kind in 0..3 {
        let (old, new) = (noise(200_000, 5), noise(150_000, 6));
        let (first, second) = (old, new.clone());
        let server = Server::start(move |request, before| {
            let start = range_start(request);
            match (before, start, kind) {
                (0, _, _) => Reply::sized("200 OK", "ETag: \"old\"\r\n", &first).cut(100_000),
                (_, Some(start), 1) => {
                    let range = format!("Content-Range: bytes {start}-149999/150000\r\nETag: \"new\"\r\n");
                    Reply::sized("206 Partial Content", &range, &second[start..])
                }
                (_, Some(_), 2) => {
                    Reply::sized("416 Range Not Satisfiable", "Content-Range: bytes */150000\r\n", b"no")
                }
                _ => Reply::sized("200 OK", "ETag: \"new\"\r\n", &second),
            }
        });
        let place = place();
        get(&server.url(), &place.dest).unwrap();
        assert_eq!(place.content(), new, "kind {kind}");
    }
}

#[test]
fn partial_answers_that_do_not_fit_are_thrown_away() {
    for range in ["bytes 99999-199999/200000", "bytes 100000-150000/200000", "bytes 100000-199999/300000", "x", ""] {
        let body = noise(200_000, 7);
        let sent = body.clone();
        let server = Server::start(move |_, before| match before {
            0 => Reply::sized("200 OK", "ETag: \"one\"\r\n", &sent).cut(100_000),
            1 => Reply::sized("206 Partial Content", &format!("Content-Range: {range}\r\n"), &sent[100_000..]),
            _ => Reply::sized("200 OK", "ETag: \"one\"\r\n", &sent),
        });
        let place = place();
        get(&server.url(), &place.dest).unwrap();
        assert_eq!(place.content(), body, "{range}");
        assert_eq!(server.requests().len(), 3, "{range}");
    }
}

#[test]
fn a_file_that_always_changes_is_given_up() {
    let server = Server::start(|request, _| match range_start(request) {
        Some(_) => Reply::sized("416 Range Not Satisfiable", "", b""),
        None => Reply::sized("200 OK", "ETag: \"one\"\r\n", &noise(100_000, 8)).cut(50_000),
    });
    let place = place();
    assert!(get(&server.url(), &place.dest).unwrap_err().contains("changes faster"));
    assert!(!place.dest.exists());
}

#[test]
fn a_content_length_that_promises_too_much_is_an_error_and_the_old_copy_stays() {
    let server = Server::start(|_, before| match before {
        0 => Reply::sized("200 OK", "", b"old"),
        _ => Reply::new("200 OK", "Content-Length: 100\r\n", b"only this"),
    });
    let place = place();
    get(&server.url(), &place.dest).unwrap();
    let error = get(&server.url(), &place.dest).unwrap_err();
    assert!(error.contains("broke off"), "{error}");
    assert_eq!(place.content(), b"old");
}

#[test]
fn a_content_length_that_promises_too_little_is_caught_by_the_check() {
    let server = Server::start(|_, _| Reply::new("200 OK", "Content-Length: 4\r\n", b"whole text"));
    let place = place();
    let network = network();
    let check = |path: &Path| match std::fs::read(path)?.as_slice() {
        b"whole text" => Ok(()),
        _ => anyhow::bail!("not whole"),
    };
    let options = Options { network: &network, max_bytes: MAX, progress: &|_| {}, check: &check };
    let error = format!("{:#}", download(&server.url(), &place.dest, &options).unwrap_err());
    assert!(error.ends_with("is not usable: not whole"), "{error}");
    assert!(place.names().is_empty(), "nothing is left");
}

#[test]
fn a_silent_server_is_left_with_a_clear_error() {
    for before_silence in [None, Some(0), Some(50_000)] {
        let server = Server::start(move |_, _| match before_silence {
            None => Reply { bytes: Vec::new(), stall: true },
            Some(bytes) => Reply::sized("200 OK", "ETag: \"1\"\r\n", &noise(100_000, 9)).cut(bytes).stalled(),
        });
        let place = place();
        std::fs::write(&place.dest, "old").unwrap();
        let network = Network { stall_timeout: Duration::from_millis(200), ..network() };
        let error = get_with(&network, &server.url(), &place.dest, MAX).unwrap_err();
        assert!(error.contains("sent nothing for 0.2 seconds"), "{error}");
        assert_eq!(place.content(), b"old");
    }
}

#[test]
fn redirects_are_followed_and_bounded() {
    let server = Server::start(|request, _| match request.split(' ').nth(1) {
        Some("/file") => Reply::sized("302 Found", "Location: a/b\r\n", b"moved"),
        Some("/a/b") => Reply::sized("308 Permanent Redirect", "Location: ../c?d\r\n", b""),
        Some("/a/../c?d") => Reply::sized("200 OK", "", b"found"),
        _ => Reply::sized("301 Moved Permanently", "Location: /loop\r\n", b""),
    });
    let place = place();
    get(&server.url(), &place.dest).unwrap();
    assert_eq!(place.content(), b"found");
    let error = get(&format!("http://127.0.0.1:{}/loop", server.port), &place.dest).unwrap_err();
    assert!(error.contains("more than 5 redirects"), "{error}");
    assert_eq!(server.requests().len(), 3 + 6);
    for location in ["file:///etc/passwd", "ftp://x/", "", "http://"] {
        let server = Server::start(move |_, before| match before {
            0 => Reply::sized("302 Found", &format!("Location: {location}\r\n"), b""),
            _ => Reply::sized("500 No", "", b""),
        });
        assert!(get(&server.url(), &place.dest).is_err(), "{location}");
    }
    assert_eq!(place.content(), b"found");
}

#[test]
fn refusals_keep_the_old_copy_and_say_why() {
    for (status, headers, said) in [
        ("404 Not Found", "", "404 Not Found"),
        ("429 Too Many Requests", "Retry-After: 120\r\n", "429 Too Many Requests, try again in 120 seconds"),
        ("429 Too Many Requests", "Retry-After: soon\r\n", "429 Too Many Requests"),
        ("500 Oh", "", "500 Internal Server Error"),
        ("206 Partial Content", "Content-Range: bytes 0-2/3\r\n", "206 Partial Content"),
    ] {
        let server = Server::start(move |_, _| Reply::sized(status, headers, b"<html>"));
        let place = place();
        std::fs::write(&place.dest, "old").unwrap();
        let error = get(&server.url(), &place.dest).unwrap_err();
        assert!(error.ends_with(said), "{error}");
        assert_eq!(place.content(), b"old");
    }
}

#[test]
fn what_is_sent_is_kept_as_it_is() {
    // Neither gzip that a server declares nor one that it does not is unpacked on the way.
    let packed = b"\x1f\x8b\x08 not really gzip";
    for headers in ["Content-Encoding: gzip\r\n", "Content-Type: application/gzip\r\n"] {
        let server = Server::start(move |_, _| Reply::sized("200 OK", headers, packed));
        let place = place();
        get(&server.url(), &place.dest).unwrap();
        assert_eq!(place.content(), packed);
        assert_eq!(header(&server.requests()[0], "accept-encoding"), Some("identity"));
    }
    let chunked = "Transfer-Encoding: chunked\r\n";
    let server = Server::start(move |_, before| match before {
        0 => Reply::new("200 OK", chunked, b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"),
        _ => Reply::new("200 OK", chunked, b"3\r\nabc\r\n2\r\nd"),
    });
    let place = place();
    get(&server.url(), &place.dest).unwrap();
    assert_eq!(place.content(), b"abcde");
    assert!(get(&server.url(), &place.dest).is_err(), "the last chunk is missing");
    assert_eq!(place.content(), b"abcde");
}

#[test]
fn too_large_a_file_is_refused_told_or_not() {
    for headers in ["Content-Length: 1001\r\n", ""] {
        let server = Server::start(move |_, _| Reply::new("200 OK", headers, &[b'x'; 1001]));
        let place = place();
        let error = get_with(&network(), &server.url(), &place.dest, 1000).unwrap_err();
        assert!(error.contains("larger than the 1000 bytes allowed"), "{error}");
        assert!(!place.dest.exists());
        get_with(&network(), &server.url(), &place.dest, 1001).unwrap();
    }
}

#[test]
fn progress_counts_from_what_was_there() {
    let server = breaking(noise(200_000, 10), 120_000, "ETag: \"one\"\r\n");
    let place = place();
    let told = Mutex::new(Vec::new());
    let network = network();
    let progress = |step: Progress| told.lock().unwrap().push(step);
    download(
        &server.url(),
        &place.dest,
        &Options { network: &network, max_bytes: MAX, progress: &progress, check: &|_| Ok(()) },
    )
    .unwrap();
    let told = told.into_inner().unwrap();
    assert!(told.is_sorted_by_key(|step| step.done_bytes));
    assert_eq!(told.last(), Some(&Progress { done_bytes: 200_000, total_bytes: Some(200_000) }));
}

#[test]
fn two_at_once_wait_for_each_other() {
    let server = Server::start(|request, _| match header(request, "if-none-match") {
        Some(_) => Reply::new("304 Not Modified", "", b""),
        None => Reply::sized("200 OK", "ETag: \"one\"\r\n", &noise(300_000, 11)),
    });
    let place = place();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| get(&server.url(), &place.dest).unwrap());
        }
    });
    assert_eq!(place.content(), noise(300_000, 11));
    assert_eq!(place.names(), ["list.gz", "list.gz.http"]);
    assert_eq!(server.requests().iter().filter(|request| header(request, "if-none-match").is_none()).count(), 1);
}

#[test]
fn a_link_in_the_place_of_the_part_is_not_followed() {
    let server = Server::start(|_, _| Reply::sized("200 OK", "", b"content"));
    let place = place();
    let victim = place._folder.path().join("victim");
    std::fs::write(&victim, "precious").unwrap();
    std::os::unix::fs::symlink(&victim, place._folder.path().join("list.gz.part")).unwrap();
    assert!(get(&server.url(), &place.dest).unwrap_err().contains("list.gz.part"));
    assert_eq!(std::fs::read(&victim).unwrap(), b"precious");
}

#[test]
fn files_of_this_machine() {
    let place = place();
    let source = place._folder.path().join("a b%.gz");
    std::fs::write(&source, "one").unwrap();
    let url = format!("file://{}/a%20b%.gz", place._folder.path().display());
    assert_eq!(get(&url, &place.dest), Ok(Outcome::Replaced { size_bytes: 3 }));
    assert_eq!(get(&url, &place.dest), Ok(Outcome::Unchanged));
    std::fs::write(&source, "two!").unwrap();
    assert_eq!(get(&url, &place.dest), Ok(Outcome::Replaced { size_bytes: 4 }));
    assert!(get_with(&network(), &url, &place.dest, 3).is_ok(), "unchanged");
    std::fs::write(&source, "three").unwrap();
    assert!(get_with(&network(), &url, &place.dest, 3).unwrap_err().contains("larger"));
    assert_eq!(place.content(), b"two!");
    for url in ["file://relative", "file:///none/such", "file:///etc", "gopher://x/", "", "http://", "no address"] {
        assert!(get(url, &place.dest).is_err(), "{url}");
    }
}

#[test]
fn https_without_certificates_says_what_to_install() {
    let place = place();
    let error = get("https://127.0.0.1:1/", &place.dest).unwrap_err();
    assert!(error.contains("install ca-certificates"), "{error}");
}

/// A program that stands for getent: prints `lines` for the name that it wants.
fn getent(folder: &Path, script: &str) -> PathBuf {
    let path = folder.join("getent");
    std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

#[test]
fn names_are_asked_of_getent() {
    let server = Server::start(|_, _| Reply::sized("200 OK", "", b"content"));
    let place = place();
    let program = getent(
        place._folder.path(),
        "[ \"$*\" = 'ahosts mirror.test' ] || exit 2\necho '127.0.0.1 STREAM mirror.test'\necho '127.0.0.1 DGRAM'",
    );
    let names = Names { getent: vec!["/none/such".into(), program], ..Names::system() };
    let network = Network { names, ..network() };
    get_with(&network, &format!("http://mirror.test:{}/", server.port), &place.dest, MAX).unwrap();
    assert_eq!(place.content(), b"content");
    let error = get_with(&network, "http://other.test/", &place.dest, MAX).unwrap_err();
    assert!(error.ends_with("no such host"), "{error}");
}

#[test]
fn a_getent_that_hangs_or_cannot_run_is_not_waited_for() {
    let place = place();
    let hosts = place._folder.path().join("hosts");
    std::fs::write(&hosts, "10.9.8.7 mirror.test\n").unwrap();
    let with = |script: &str, timeout: Duration| {
        let program = getent(place._folder.path(), script);
        Names { getent: vec![program], hosts: hosts.clone(), timeout, ..Names::system() }
    };
    let found = with("exit 127", Duration::from_secs(10)).resolve("mirror.test").unwrap();
    assert_eq!(found, [IpAddr::from([10, 9, 8, 7])], "the hosts file instead");
    let hangs = with("exec cat /dev/zero >/dev/null", Duration::from_millis(100));
    assert_eq!(hangs.resolve("mirror.test").unwrap_err().kind(), ErrorKind::TimedOut);
}

/// A name server on loopback. `answer` gets the question's name and type, and gives flags, answers and whether to speak.
struct Dns {
    port: u16,
    _folder: tempfile::TempDir,
    names: Names,
}

type Answer = Option<(u8, u8, Vec<Vec<u8>>)>;

fn dns(resolv_conf: &str, answer: impl Fn(&str, u16, bool, usize) -> Answer + Send + Sync + 'static) -> Dns {
    // The same port is needed for both protocols; another may have taken it for one of them.
    let (udp, tcp) = loop {
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        if let Ok(tcp) = TcpListener::bind(udp.local_addr().unwrap()) {
            break (udp, tcp);
        }
    };
    let port = udp.local_addr().unwrap().port();
    let answer = Arc::new(answer);
    let by_tcp = answer.clone();
    std::thread::spawn(move || {
        let mut buffer = [0; 1500];
        for count in 0.. {
            let (got, from) = udp.recv_from(&mut buffer).unwrap();
            if let Some(reply) = respond(&buffer[..got], |name, kind| answer(name, kind, false, count)) {
                udp.send_to(&reply, from).unwrap();
            }
        }
    });
    std::thread::spawn(move || {
        for stream in tcp.incoming() {
            let mut stream = stream.unwrap();
            let mut length = [0; 2];
            stream.read_exact(&mut length).unwrap();
            let mut query = vec![0; usize::from(u16::from_be_bytes(length))];
            stream.read_exact(&mut query).unwrap();
            if let Some(reply) = respond(&query, |name, kind| by_tcp(name, kind, true, 0)) {
                stream.write_all(&(reply.len() as u16).to_be_bytes()).unwrap();
                stream.write_all(&reply).unwrap();
            }
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let conf = folder.path().join("resolv.conf");
    std::fs::write(&conf, resolv_conf).unwrap();
    let names = Names {
        getent: Vec::new(),
        hosts: folder.path().join("hosts"),
        resolv_conf: conf,
        dns_port: port,
        timeout: Duration::from_secs(10),
    };
    Dns { port, _folder: folder, names }
}

fn respond(query: &[u8], answer: impl Fn(&str, u16) -> Answer) -> Option<Vec<u8>> {
    let mut name = String::new();
    let mut at = 12;
    while query[at] != 0 {
        let end = at + 1 + usize::from(query[at]);
        name.push_str(std::str::from_utf8(&query[at + 1..end]).unwrap());
        name.push('.');
        at = end;
    }
    let kind = u16::from_be_bytes([query[at + 1], query[at + 2]]);
    let (flags, code, records) = answer(name.trim_end_matches('.'), kind)?;
    let mut reply = query.to_vec();
    reply[2] |= 0x80 | flags;
    reply[3] = 0x80 | code;
    reply[7] = records.len() as u8;
    reply.extend(records.concat());
    Some(reply)
}

const TRUNCATED: u8 = 2;
const NO_SUCH_NAME: u8 = 3;
const FAILED: u8 = 2;

/// A record of the name that was asked for.
fn record(kind: u16, data: &[u8]) -> Vec<u8> {
    let mut record = vec![0xc0, 12];
    record.extend([kind.to_be_bytes(), [0, 1]].concat());
    record.extend([0, 0, 0, 60, 0, data.len() as u8]);
    record.extend(data);
    record
}

#[test]
fn without_getent_it_speaks_dns() {
    let server = Server::start(|_, _| Reply::sized("200 OK", "", b"content"));
    let dns = dns("nameserver 127.0.0.1\n", |name, kind, _, _| match (name, kind) {
        ("mirror.test", 1) => Some((0, 0, vec![record(1, &[127, 0, 0, 1])])),
        ("mirror.test", _) => Some((0, 0, vec![])),
        _ => Some((0, NO_SUCH_NAME, vec![])),
    });
    let place = place();
    let network = Network { names: dns.names.clone(), ..network() };
    get_with(&network, &format!("http://mirror.test:{}/", server.port), &place.dest, MAX).unwrap();
    assert_eq!(place.content(), b"content");
    let error = get_with(&network, "http://other.test/", &place.dest, MAX).unwrap_err();
    assert!(error.ends_with("no such host"), "{error}");
    assert!(dns.port > 0);
}

#[test]
fn both_kinds_of_address_ipv4_first_and_the_hosts_file_before_all() {
    let v6 = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    let dns = dns("nameserver 127.0.0.1\n", move |_, kind, _, _| match kind {
        1 => Some((0, 0, vec![record(1, &[10, 0, 0, 1]), record(1, &[10, 0, 0, 2])])),
        _ => Some((0, 0, vec![record(28, &v6)])),
    });
    let found = |name: &str| dns.names.resolve(name).unwrap().iter().map(IpAddr::to_string).collect::<Vec<_>>();
    assert_eq!(found("mirror.test"), ["10.0.0.1", "10.0.0.2", "2001:db8::1"]);
    std::fs::write(&dns.names.hosts, "10.9.9.9 x mirror.test\n").unwrap();
    assert_eq!(found("Mirror.Test."), ["10.9.9.9"]);
    assert_eq!(found("localhost"), ["127.0.0.1", "::1"]);
}

#[test]
fn a_truncated_answer_is_asked_for_again_over_tcp() {
    let dns = dns("nameserver 127.0.0.1\n", |_, kind, tcp, _| match (kind, tcp) {
        (1, false) => Some((TRUNCATED, 0, vec![])),
        (1, true) => Some((0, 0, (1..=40).map(|n| record(1, &[10, 0, 0, n])).collect())),
        _ => Some((0, 0, vec![])),
    });
    assert_eq!(dns.names.resolve("many.test").unwrap().len(), 16, "as many as are tried");
}

#[test]
fn a_silent_or_failing_server_is_followed_by_the_next() {
    // 127.0.0.9 has nobody at this port: refused at once. The server itself fails the first two questions.
    let conf = "nameserver 127.0.0.9\nnameserver 127.0.0.1\noptions timeout:1 attempts:3\n";
    let dns = dns(conf, |_, kind, _, count| match (count, kind) {
        (0..2, _) => Some((0, FAILED, vec![])),
        (_, 1) => Some((0, 0, vec![record(1, &[10, 0, 0, 1])])),
        _ => Some((0, 0, vec![])),
    });
    assert_eq!(dns.names.resolve("mirror.test").unwrap(), [IpAddr::from([10, 0, 0, 1])]);
}

#[test]
fn where_no_server_answers_that_is_not_the_same_as_no_such_host() {
    let dns = dns("nameserver 127.0.0.1\noptions attempts:1\n", |_, _, _, _| None);
    let names = Names { timeout: Duration::from_millis(200), ..dns.names.clone() };
    assert_eq!(names.resolve("mirror.test").unwrap_err().kind(), ErrorKind::TimedOut);
}

#[test]
fn search_domains_are_tried_in_order() {
    let dns = dns("search lan example.test\nnameserver 127.0.0.1\n", |name, kind, _, _| match (name, kind) {
        ("mirror.example.test", 1) => Some((0, 0, vec![record(1, &[10, 0, 0, 3])])),
        ("mirror.example.test", _) => Some((0, 0, vec![])),
        _ => Some((0, NO_SUCH_NAME, vec![])),
    });
    assert_eq!(dns.names.resolve("mirror").unwrap(), [IpAddr::from([10, 0, 0, 3])]);
    assert_eq!(dns.names.resolve("mirror.").unwrap_err().kind(), ErrorKind::NotFound);
}

/// A proxy that opens tunnels to anywhere, all of which lead to `target`.
fn tunnel(target: u16) -> Server {
    Server::serving(move |client, requests| {
        requests.lock().unwrap().push(head_of(client));
        client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
        let mut server = TcpStream::connect(("127.0.0.1", target)).unwrap();
        let (mut back_from, mut back_to) = (server.try_clone().unwrap(), client.try_clone().unwrap());
        let mut client = client.try_clone().unwrap();
        std::thread::spawn(move || std::io::copy(&mut client, &mut server));
        let _ = std::io::copy(&mut back_from, &mut back_to);
        let _ = back_to.shutdown(std::net::Shutdown::Both);
    })
}

#[test]
fn a_proxy_is_given_the_name_and_the_password() {
    let server = Server::start(|_, _| Reply::sized("200 OK", "", b"content"));
    let proxy = tunnel(server.port);
    let place = place();
    // No name can be resolved here: the proxy does that.
    let names = Names { getent: Vec::new(), hosts: "/none".into(), resolv_conf: "/none".into(), ..Names::system() };
    let mut network = Network { names, ..network() };
    network.proxies = Proxies {
        http: Some(format!("http://me:secret@127.0.0.1:{}", proxy.port)),
        https: None,
        except: vec!["127.0.0.1".into()],
    };
    get_with(&network, "http://mirror.test/file", &place.dest, MAX).unwrap();
    assert_eq!(place.content(), b"content");
    let requests = proxy.requests();
    assert!(requests[0].starts_with("connect mirror.test:80 http/1.1"), "{}", requests[0]);
    assert!(requests[0].contains("proxy-authorization: basic "), "{}", requests[0]);
    get_with(&network, &server.url(), &place.dest, MAX).unwrap();
    assert_eq!(proxy.requests().len(), 1, "an exception is reached directly");
}

/// A server of https for `name`, and the certificate that vouches for it.
fn encrypted(name: &str, answer: impl Fn(&str) -> Reply + Send + 'static) -> (u16, String) {
    let own = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(own.signing_key.serialize_der()).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![own.cert.der().clone()], key)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let connection = rustls::ServerConnection::new(config.clone()).unwrap();
            let mut stream = rustls::StreamOwned::new(connection, stream.unwrap());
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|got| got == 1) {
                head.push(byte[0]);
            }
            // A client that does not trust the certificate has gone.
            let _ = stream.write_all(&answer(&String::from_utf8_lossy(&head).to_lowercase()).bytes);
            stream.conn.send_close_notify();
            let _ = stream.flush();
        }
    });
    (port, own.cert.pem())
}

#[test]
fn https_is_verified_against_the_given_certificates_and_never_left() {
    let plain = Server::start(|_, _| Reply::sized("200 OK", "", b"plain"));
    let plain_url = plain.url();
    let (port, pem) = encrypted("localhost", move |request| match request.split(' ').nth(1) {
        Some("/down") => Reply::sized("302 Found", &format!("Location: {plain_url}\r\n"), b""),
        _ => Reply::sized("200 OK", "", b"secret"),
    });
    let (_, other_pem) = encrypted("localhost", |_| Reply::sized("200 OK", "", b""));
    let place = place();
    let certificates = place._folder.path().join("certs.pem");
    std::fs::write(&certificates, pem).unwrap();
    let network = Network { ca_files: vec!["/none/such".into(), certificates.clone()], ..network() };
    let fetch = |path: &str| get_with(&network, &format!("https://{path}"), &place.dest, MAX);

    fetch(&format!("localhost:{port}/")).unwrap();
    assert_eq!(place.content(), b"secret");
    let error = fetch(&format!("localhost:{port}/down")).unwrap_err();
    assert!(error.ends_with("which is not encrypted"), "{error}");
    assert!(plain.requests().is_empty());
    let error = fetch(&format!("127.0.0.1:{port}/")).unwrap_err();
    assert!(error.contains("not valid for name"), "{error}");
    std::fs::write(&certificates, other_pem).unwrap();
    let error = fetch(&format!("localhost:{port}/")).unwrap_err();
    assert!(error.contains("invalid peer certificate"), "{error}");
    assert_eq!(place.content(), b"secret");

    // From http to https is a step up.
    let up =
        Server::start(move |_, _| Reply::sized("301 Moved", &format!("Location: https://localhost:{port}/\r\n"), b""));
    assert!(get_with(&network, &up.url(), &place.dest, MAX).unwrap_err().contains("invalid peer certificate"));
}
