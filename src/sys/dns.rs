//! A DNS stub resolver of the smallest kind: addresses of one name, asked of the servers that resolv.conf lists.
//!
//! Used where the system has no `getent` (see [`super::resolve`]). It keeps nothing, checks no signatures, and knows
//! neither mDNS nor LDAP. Answers come from the network: every length is checked, and only records for the name asked,
//! or what it is an alias of, are believed.

use std::hash::{BuildHasher, RandomState};
use std::io::{Error, ErrorKind, Read, Result, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

/// What `/etc/resolv.conf` says, as resolv.conf(5) has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    pub servers: Vec<IpAddr>,
    pub search: Vec<String>,
    pub ndots: usize,
    pub timeout: Duration,
    pub attempts: u32,
}

/// The most servers and search domains that are used, as in the C library.
const MAX_SERVERS: usize = 3;
const MAX_SEARCH: usize = 6;
const MAX_ALIASES: usize = 8;
const MAX_ADDRESSES: usize = 64;

const A: u16 = 1;
const CNAME: u16 = 5;
const AAAA: u16 = 28;
const INTERNET: u16 = 1;

impl Config {
    /// Never fails: a line that says nothing sensible is passed over, and without a server it is the machine itself.
    pub fn parse(text: &str) -> Config {
        let mut config =
            Config { servers: Vec::new(), search: Vec::new(), ndots: 1, timeout: Duration::from_secs(5), attempts: 2 };
        for line in text.lines() {
            let mut words = line.split(['#', ';']).next().unwrap_or_default().split_ascii_whitespace();
            match words.next() {
                // An address with a zone (`fe80::1%eth0`) does not parse, and would need the interface's number.
                Some("nameserver") => config.servers.extend(words.next().and_then(|word| word.parse::<IpAddr>().ok())),
                Some("search" | "domain") => {
                    config.search = words.map(|word| word.trim_end_matches('.').to_owned()).collect();
                }
                Some("options") => words.for_each(|word| config.option(word)),
                _ => {}
            }
        }
        config.servers.truncate(MAX_SERVERS);
        config.search.retain(|domain| !domain.is_empty());
        config.search.truncate(MAX_SEARCH);
        if config.servers.is_empty() {
            config.servers.push(IpAddr::V4(Ipv4Addr::LOCALHOST));
        }
        config
    }

    fn option(&mut self, word: &str) {
        let Some((key, Ok(value))) = word.split_once(':').map(|(key, value)| (key, value.parse::<u32>())) else {
            return;
        };
        match key {
            "ndots" => self.ndots = value.min(15) as usize,
            "timeout" => self.timeout = Duration::from_secs(u64::from(value.clamp(1, 30))),
            "attempts" => self.attempts = value.clamp(1, 5),
            _ => {}
        }
    }

    /// The full names to try for `name`, in order.
    pub(crate) fn candidates(&self, name: &str) -> Vec<String> {
        if let Some(absolute) = name.strip_suffix('.') {
            return vec![absolute.to_owned()];
        }
        let mut all: Vec<String> = self.search.iter().map(|domain| format!("{name}.{domain}")).collect();
        let as_it_is = if name.matches('.').count() >= self.ndots { 0 } else { all.len() };
        all.insert(as_it_is, name.to_owned());
        all
    }
}

/// What asking for one name came to.
enum Answer {
    Addresses(Vec<IpAddr>),
    /// A server says that there is no such name, or no address of it.
    None,
}

/// The addresses of `name`, those of IPv4 first. [`ErrorKind::NotFound`] where servers say there are none, and another kind
/// where no server gave an answer before `deadline`. `port` is 53 but in tests.
pub fn look_up(name: &str, config: &Config, port: u16, deadline: Instant) -> Result<Vec<IpAddr>> {
    let mut failure = None;
    for candidate in config.candidates(name) {
        match ask_servers(&candidate, config, port, deadline) {
            Ok(Answer::Addresses(all)) => return Ok(all),
            Ok(Answer::None) => {}
            // A server that does not answer for one name will not for the next; remember it over "not found".
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    Err(failure.unwrap_or_else(|| Error::new(ErrorKind::NotFound, "no such host")))
}

fn ask_servers(name: &str, config: &Config, port: u16, deadline: Instant) -> Result<Answer> {
    let mut last = None;
    for _ in 0..config.attempts {
        for server in &config.servers {
            let until = deadline.min(Instant::now() + config.timeout);
            match ask(name, SocketAddr::new(*server, port), until) {
                Ok(answer) => return Ok(answer),
                Err(error) => last = Some(Error::new(error.kind(), format!("name server {server}: {error}"))),
            }
            if Instant::now() >= deadline {
                break;
            }
        }
    }
    Err(last.unwrap_or_else(|| Error::new(ErrorKind::TimedOut, "no name server answered")))
}

/// Asks one server for both kinds of address at once. One kind alone is an answer, if the other says it has none.
fn ask(name: &str, server: SocketAddr, until: Instant) -> Result<Answer> {
    let any: SocketAddr =
        if server.is_ipv4() { (Ipv4Addr::UNSPECIFIED, 0).into() } else { (Ipv6Addr::UNSPECIFIED, 0).into() };
    let socket = UdpSocket::bind(any)?;
    // Connected, the socket takes answers from that server alone.
    socket.connect(server)?;
    let mut open = vec![Query::new(name, A)?, Query::new(name, AAAA)?];
    for query in &open {
        socket.send(&query.bytes)?;
    }
    let mut found = Vec::new();
    let mut buffer = [0; 4096];
    while !open.is_empty() {
        let Some(left) = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) else { break };
        socket.set_read_timeout(Some(left))?;
        let got = match socket.recv(&mut buffer) {
            Ok(got) => got,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => break,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let message = &buffer[..got];
        // Anything that is not an answer to what was asked may be forged: it is dropped and the wait goes on.
        let Some(place) = open.iter().position(|query| query.answered_by(message)) else { continue };
        let query = open.swap_remove(place);
        let whole;
        let message = if truncated(message) {
            whole = ask_by_tcp(&query, server, until)?;
            &whole[..]
        } else {
            message
        };
        found.extend(query.addresses(message)?);
    }
    if found.is_empty() && !open.is_empty() {
        return Err(Error::new(ErrorKind::TimedOut, "no answer in time"));
    }
    found.sort_by_key(IpAddr::is_ipv6);
    found.truncate(MAX_ADDRESSES);
    Ok(if found.is_empty() { Answer::None } else { Answer::Addresses(found) })
}

fn ask_by_tcp(query: &Query, server: SocketAddr, until: Instant) -> Result<Vec<u8>> {
    let left = || {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(Error::new(ErrorKind::TimedOut, "no answer in time")) } else { Ok(left) }
    };
    let mut stream = TcpStream::connect_timeout(&server, left()?)?;
    stream.set_write_timeout(Some(left()?))?;
    let length = u16::try_from(query.bytes.len()).map_err(|_| invalid("query too long"))?;
    stream.write_all(&[&length.to_be_bytes(), &query.bytes[..]].concat())?;
    let mut read = |wanted: usize| {
        let mut bytes = vec![0; wanted];
        let mut filled = 0;
        while filled < wanted {
            stream.set_read_timeout(Some(left()?))?;
            match stream.read(&mut bytes[filled..])? {
                0 => return Err(Error::from(ErrorKind::UnexpectedEof)),
                got => filled += got,
            }
        }
        Ok(bytes)
    };
    let length = read(2)?;
    let message = read(usize::from(u16::from_be_bytes([length[0], length[1]])))?;
    if !query.answered_by(&message) {
        return Err(invalid("an answer to another question"));
    }
    Ok(message)
}

fn invalid(why: &'static str) -> Error {
    Error::new(ErrorKind::InvalidData, why)
}

pub(crate) struct Query {
    pub(crate) bytes: Vec<u8>,
    /// In lower case, without a final dot.
    name: String,
    kind: u16,
}

const HEADER_BYTES: usize = 12;

impl Query {
    pub(crate) fn new(name: &str, kind: u16) -> Result<Query> {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        // From the system's randomness, through the keys of a hash: it only has to be hard to guess.
        let id = RandomState::new().hash_one(kind) as u16;
        let mut bytes = id.to_be_bytes().to_vec();
        // Recursion wanted; one question, no records.
        bytes.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
        for label in name.split('.') {
            let length = u8::try_from(label.len()).ok().filter(|length| (1..=63).contains(length));
            bytes.push(length.ok_or_else(|| invalid("not a host name"))?);
            bytes.extend(label.as_bytes());
        }
        bytes.push(0);
        if bytes.len() > HEADER_BYTES + 255 {
            return Err(invalid("host name too long"));
        }
        bytes.extend([kind.to_be_bytes(), INTERNET.to_be_bytes()].concat());
        Ok(Query { bytes, name, kind })
    }

    /// Whether `message` is a response to this very question.
    pub(crate) fn answered_by(&self, message: &[u8]) -> bool {
        let question = |message: &[u8]| -> Option<(String, [u8; 4])> {
            let (name, next) = read_name(message, HEADER_BYTES)?;
            Some((name, message.get(next..next + 4)?.try_into().ok()?))
        };
        message.len() >= HEADER_BYTES
            && message[..2] == self.bytes[..2]
            && message[2] & 0x80 != 0
            && message[4..6] == [0, 1]
            && question(message) == question(&self.bytes)
    }

    /// The addresses in a response to this question; none where the server says there are none.
    pub(crate) fn addresses(&self, message: &[u8]) -> Result<Vec<IpAddr>> {
        match message.get(3).map(|flags| flags & 0x0f) {
            Some(0) => {}
            Some(3) => return Ok(Vec::new()),
            Some(2) => return Err(Error::other("the server failed")),
            Some(5) => return Err(Error::other("the server refused")),
            _ => return Err(Error::other("the server gave an error")),
        }
        self.records(message).ok_or_else(|| invalid("a damaged answer"))
    }

    fn records(&self, message: &[u8]) -> Option<Vec<IpAddr>> {
        let count = u16::from_be_bytes([*message.get(6)?, *message.get(7)?]);
        let (_, after_name) = read_name(message, HEADER_BYTES)?;
        let mut at = after_name + 4;
        let (mut aliases, mut addresses) = (Vec::new(), Vec::new());
        for _ in 0..count {
            let (owner, next) = read_name(message, at)?;
            let head: [u8; 10] = message.get(next..next + 10)?.try_into().ok()?;
            let data_at = next + 10;
            let data_end = data_at + usize::from(u16::from_be_bytes([head[8], head[9]]));
            let data = message.get(data_at..data_end)?;
            at = data_end;
            if u16::from_be_bytes([head[2], head[3]]) != INTERNET {
                continue;
            }
            match u16::from_be_bytes([head[0], head[1]]) {
                CNAME => aliases.push((owner, read_name(message, data_at)?.0)),
                A if self.kind == A => addresses.push((owner, IpAddr::from(<[u8; 4]>::try_from(data).ok()?))),
                AAAA if self.kind == AAAA => addresses.push((owner, IpAddr::from(<[u8; 16]>::try_from(data).ok()?))),
                _ => {}
            }
        }
        let mut name = self.name.clone();
        for _ in 0..MAX_ALIASES {
            match aliases.iter().find(|(owner, _)| *owner == name) {
                Some((_, target)) => name.clone_from(target),
                None => break,
            }
        }
        Some(addresses.into_iter().filter(|(owner, _)| *owner == name).map(|(_, address)| address).collect())
    }
}

fn truncated(message: &[u8]) -> bool {
    message.get(2).is_some_and(|flags| flags & 0x02 != 0)
}

/// The name at `at`, in lower case and joined by dots, and the place behind it. Pointers must lead backwards, each farther
/// than the last, so there is no loop.
fn read_name(message: &[u8], at: usize) -> Option<(String, usize)> {
    let mut name = String::new();
    let (mut at, mut bound, mut after) = (at, at, None);
    loop {
        let length = *message.get(at)?;
        match length {
            0 => return Some((name, after.unwrap_or(at + 1))),
            1..=63 => {
                let label = message.get(at + 1..at + 1 + usize::from(length))?;
                if !name.is_empty() {
                    name.push('.');
                }
                // A byte outside ASCII, or a dot within a label, must not make two names look alike.
                for byte in label {
                    match byte {
                        b'.' | b'\\' | 0x80.. | ..=0x20 => name.push_str(&format!("\\{byte:03}")),
                        _ => name.push(byte.to_ascii_lowercase() as char),
                    }
                }
                at += 1 + usize::from(length);
                if name.len() > 1024 {
                    return None;
                }
            }
            0xc0.. => {
                let target = usize::from(u16::from_be_bytes([length & 0x3f, *message.get(at + 1)?]));
                if target >= bound {
                    return None;
                }
                after = after.or(Some(at + 2));
                (at, bound) = (target, target);
            }
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolv_conf_as_people_write_it() {
        let config = Config::parse(
            "# by hand\nnameserver 10.0.0.1 # first\n nameserver ::1\nnameserver fe80::1%eth0\nnameserver 1.1.1.1\n\
             nameserver 9.9.9.9\ndomain old\nsearch lan. example.org\noptions ndots:2 timeout:99 attempts:0 rotate x:\n;no\n",
        );
        assert_eq!(config.servers.iter().map(IpAddr::to_string).collect::<Vec<_>>(), ["10.0.0.1", "::1", "1.1.1.1"]);
        assert_eq!(config.search, ["lan", "example.org"]);
        assert_eq!((config.ndots, config.timeout.as_secs(), config.attempts), (2, 30, 1));
        assert_eq!(config.candidates("a"), ["a.lan", "a.example.org", "a"]);
        assert_eq!(config.candidates("a.b.c"), ["a.b.c", "a.b.c.lan", "a.b.c.example.org"]);
        assert_eq!(config.candidates("a."), ["a"]);
        assert_eq!(Config::parse("").servers, [IpAddr::V4(Ipv4Addr::LOCALHOST)]);
    }

    /// A response to `query` with an alias and an address, its names compressed.
    fn response(query: &Query) -> Vec<u8> {
        let mut message = query.bytes.clone();
        message[2] |= 0x80;
        message[7] = 3;
        // NAME is an alias of x.NAME (its name a pointer to the question), which has an address; so has another name.
        message.extend([0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 9, 0, 4, 1, b'X', 0xc0, 12]);
        let target = query.bytes.len() + 12;
        message.extend([0xc0, target as u8, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 10, 1, 2, 3]);
        message.extend([1, b'y', 0, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 6, 6, 6, 6]);
        message
    }

    #[test]
    fn only_addresses_of_the_name_or_its_alias_are_believed() {
        let query = Query::new("Host.Example.", A).unwrap();
        let message = response(&query);
        assert!(query.answered_by(&message));
        assert_eq!(query.addresses(&message).unwrap(), [IpAddr::from([10, 1, 2, 3])]);
        assert!(!Query::new("other.example", A).unwrap().answered_by(&message));
    }

    #[test]
    fn no_damage_to_an_answer_is_a_panic() {
        let query = Query::new("host.example", A).unwrap();
        let good = response(&query);
        for cut in 0..good.len() {
            query.answered_by(&good[..cut]);
            assert!(query.addresses(&good[..cut]).is_err(), "cut at {cut}");
        }
        for at in 0..good.len() {
            for value in 0..=255 {
                let mut bad = good.clone();
                bad[at] = value;
                query.answered_by(&bad);
                let _ = query.addresses(&bad);
            }
        }
    }

    #[test]
    fn pointers_that_lead_nowhere_are_refused() {
        for message in
            [&[0xc0, 0][..], &[1, b'a', 0xc0, 2], &[0xc0, 2, 0xc0, 0], &[0xc0, 99], &[0x80, 0], &[5, b'a'], &[]]
        {
            assert_eq!(read_name(message, 0), None, "{message:?}");
        }
        assert_eq!(read_name(&[1, b'a', 0, 1, b'B', 0xc0, 0], 3), Some(("b.a".to_owned(), 7)));
    }

    #[test]
    fn names_that_cannot_be_asked_for_are_refused() {
        for name in ["", "a..b", &"a".repeat(64), &"a.".repeat(130)] {
            assert!(Query::new(name, A).is_err(), "{name}");
        }
    }
}
