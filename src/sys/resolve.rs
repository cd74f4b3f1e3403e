//! Names of hosts to addresses, without the C library.
//!
//! A static program must not call getaddrinfo: glibc loads its name services at run time, and only those of its own
//! version. So the system's `getent ahosts` is asked, which knows hosts files, systemd-resolved, mDNS and LDAP, and where
//! there is none, or it cannot run, the hosts file and [`super::dns`]. Nothing is kept between two questions.

use super::dns;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use std::fs;
use std::io::{Error, ErrorKind, Read, Result};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

/// Where names are looked up. [`Names::system`] is the machine's own; tests bring files of their own.
#[derive(Clone, Debug)]
pub struct Names {
    /// Tried in order; the first that exists is run. Absolute, since $PATH may be another's.
    pub getent: Vec<PathBuf>,
    pub hosts: PathBuf,
    pub resolv_conf: PathBuf,
    pub dns_port: u16,
    /// For one name, whatever it takes.
    pub timeout: Duration,
}

const MAX_NAME_BYTES: usize = 253;
const MAX_FILE_BYTES: u64 = 8 << 20;
const MAX_ANSWER_BYTES: u64 = 64 << 10;
/// As many as ureq tries.
const MAX_ADDRESSES: usize = 16;

impl Names {
    pub fn system() -> Names {
        Names {
            getent: ["/usr/bin/getent", "/bin/getent", "/run/current-system/sw/bin/getent"].map(PathBuf::from).into(),
            hosts: "/etc/hosts".into(),
            resolv_conf: "/etc/resolv.conf".into(),
            dns_port: 53,
            timeout: Duration::from_secs(20),
        }
    }

    /// The addresses of `host`, which may itself be an address (of IPv6 in brackets or not), best first. Never empty.
    /// [`ErrorKind::NotFound`] where there is no such host, and other kinds where that could not be found out.
    pub fn resolve(&self, host: &str) -> Result<Vec<IpAddr>> {
        let bare = host.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')).unwrap_or(host);
        if let Ok(address) = bare.parse() {
            return Ok(vec![address]);
        }
        // Also keeps a name from being taken for an option.
        let plausible = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
        if host.is_empty()
            || host.len() > MAX_NAME_BYTES
            || host.starts_with(['-', '.'])
            || !host.bytes().all(plausible)
        {
            return Err(Error::new(ErrorKind::InvalidInput, "not a host name"));
        }
        let deadline = Instant::now() + self.timeout;
        let mut found = match self.ask_getent(host) {
            Some(answer) => answer?,
            None => self.ask_files_and_dns(host, deadline)?,
        };
        found.truncate(MAX_ADDRESSES);
        Ok(found)
    }

    /// `None` where no getent can be run, as when it is there and its libraries are not.
    fn ask_getent(&self, host: &str) -> Option<Result<Vec<IpAddr>>> {
        let program = self.getent.iter().find(|path| path.exists())?;
        let mut child = Command::new(program)
            .args(["ahosts", host])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let output = child.stdout.take()?;
        let handle = pidfd_open(Pid::from_child(&child), PidfdFlags::empty());
        let (tell, told) = mpsc::channel();
        // Both are waited for there, since a program may close its output and go on.
        std::thread::spawn(move || {
            let mut text = Vec::new();
            let outcome = output.take(MAX_ANSWER_BYTES).read_to_end(&mut text).and_then(|_| child.wait());
            // Nobody listens any more when the answer came too late.
            let _ = tell.send(outcome.map(|status| (status, text)));
        });
        let Ok(outcome) = told.recv_timeout(self.timeout) else {
            // It may have ended just now; and a kernel without these handles lets it run on, which harms nobody.
            let _ = handle.and_then(|handle| pidfd_send_signal(handle, Signal::KILL));
            return Some(Err(Error::new(ErrorKind::TimedOut, format!("{} gave no answer in time", program.display()))));
        };
        let (status, text) = outcome.ok()?;
        let found = addresses_of_getent(&String::from_utf8_lossy(&text));
        match status.code() {
            Some(0) if !found.is_empty() => Some(Ok(found)),
            // "One or more supplied keys could not be found in the database."
            Some(0 | 2) => Some(Err(Error::new(ErrorKind::NotFound, "no such host"))),
            _ => None,
        }
    }

    fn ask_files_and_dns(&self, host: &str, deadline: Instant) -> Result<Vec<IpAddr>> {
        let name = host.trim_end_matches('.').to_ascii_lowercase();
        let listed = addresses_of_hosts(&read_bounded(&self.hosts), &name);
        if !listed.is_empty() {
            return Ok(listed);
        }
        if name == "localhost" || name.ends_with(".localhost") {
            return Ok(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]);
        }
        let config = dns::Config::parse(&read_bounded(&self.resolv_conf));
        dns::look_up(host, &config, self.dns_port, deadline)
    }
}

/// The first word of each line, each once, in the order given, which is that of preference.
pub(crate) fn addresses_of_getent(text: &str) -> Vec<IpAddr> {
    let mut found = Vec::new();
    for address in text.lines().filter_map(|line| line.split_ascii_whitespace().next()?.parse::<IpAddr>().ok()) {
        if !found.contains(&address) {
            found.push(address);
        }
    }
    found
}

/// `name` in lower case and without a final dot.
pub(crate) fn addresses_of_hosts(text: &str, name: &str) -> Vec<IpAddr> {
    let mut found = Vec::new();
    for line in text.lines() {
        let mut words = line.split('#').next().unwrap_or_default().split_ascii_whitespace();
        let Some(Ok(address)) = words.next().map(str::parse::<IpAddr>) else { continue };
        if words.any(|alias| alias.eq_ignore_ascii_case(name)) && !found.contains(&address) {
            found.push(address);
        }
    }
    found
}

/// Empty where there is no such file: then it says nothing.
fn read_bounded(path: &PathBuf) -> String {
    let mut bytes = Vec::new();
    if let Ok(file) = fs::File::open(path) {
        // What was read before an error still counts.
        let _ = file.take(MAX_FILE_BYTES).read_to_end(&mut bytes);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

impl Resolver for Names {
    fn resolve(
        &self,
        uri: &Uri,
        config: &ureq::config::Config,
        timeout: NextTimeout,
    ) -> std::result::Result<ResolvedSocketAddrs, ureq::Error> {
        let host = uri.host().ok_or(ureq::Error::HostNotFound)?;
        let default_port = match uri.scheme_str() {
            Some("https") => 443,
            Some("http") => 80,
            // The others that come here are proxies' own.
            _ => 1080,
        };
        let port = uri.port_u16().unwrap_or(default_port);
        let limited = Names { timeout: self.timeout.min(*timeout.after), ..self.clone() };
        let found = match limited.resolve(host) {
            Ok(found) => found,
            Err(error) if error.kind() == ErrorKind::NotFound => return Err(ureq::Error::HostNotFound),
            Err(error) => {
                return Err(ureq::Error::Io(Error::new(error.kind(), format!("cannot resolve {host}: {error}"))));
            }
        };
        let mut result = Resolver::empty(self);
        let all = found.into_iter().map(|address| SocketAddr::new(address, port));
        for address in config.ip_family().keep_wanted(all).take(MAX_ADDRESSES) {
            result.push(address);
        }
        if result.is_empty() { Err(ureq::Error::HostNotFound) } else { Ok(result) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn getent_lines_in_their_order_each_address_once() {
        let text = "2001:db8::1     STREAM a.example\n2001:db8::1 DGRAM\n10.0.0.1 STREAM\nnonsense\n\n10.0.0.1 RAW\nfe80::1%eth0 RAW\n";
        let found: Vec<String> = addresses_of_getent(text).iter().map(IpAddr::to_string).collect();
        assert_eq!(found, ["2001:db8::1", "10.0.0.1"]);
    }

    #[test]
    fn hosts_aliases_comments_and_case() {
        let text = "127.0.0.1 localhost\n10.0.0.5\tMirror.example mirror # main\n#10.0.0.6 mirror\n::5 MIRROR\nbad mirror\n10.0.0.7 x#mirror\n";
        let found: Vec<String> = addresses_of_hosts(text, "mirror").iter().map(IpAddr::to_string).collect();
        assert_eq!(found, ["10.0.0.5", "::5"]);
    }

    #[test]
    fn what_is_no_name_is_not_looked_up() {
        let names = Names { getent: vec!["/bin/false".into()], ..Names::system() };
        for host in ["", "-s", "a b", "a;b", "ä", ".", &"a".repeat(300)] {
            assert_eq!(names.resolve(host).unwrap_err().kind(), ErrorKind::InvalidInput, "{host}");
        }
        assert_eq!(names.resolve("[::1]").unwrap(), [IpAddr::V6(Ipv6Addr::LOCALHOST)]);
        assert_eq!(names.resolve("127.0.0.2").unwrap(), [IpAddr::from([127, 0, 0, 2])]);
    }
}
