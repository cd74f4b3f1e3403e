//! What comes over a wire or a pipe, and what is packed.

use super::text;
use crate::backends::engine::hear;
use crate::sys::dns::{Config, Query};
use crate::sys::http::Proxies;
use crate::sys::http::address::{Address, without_password};
use crate::sys::http::download::{continues, decoded, described};
use crate::sys::http::kept::Kept;
use crate::sys::{resolve, unpack as packing};
use ureq::http::{HeaderMap, HeaderName, HeaderValue};

/// The message answers a question whose number it is made to bear.
pub fn dns(data: &[u8]) {
    for kind in [1, 28] {
        let query = Query::new("example.org", kind).expect("a host name");
        let mut message = data.to_vec();
        if message.len() >= 2 {
            message[..2].copy_from_slice(&query.bytes[..2]);
        }
        query.answered_by(&message);
        // At most one address for each eleven bytes: the root's name and a record's head.
        assert!(query.addresses(&message).map_or(0, |all| all.len()) <= data.len() / 11);
    }
    let config = Config::parse(&text(data));
    assert!(!config.servers.is_empty());
    config.candidates("example");
}

pub fn names(data: &[u8]) {
    let text = text(data);
    resolve::addresses_of_getent(&text);
    resolve::addresses_of_hosts(&text, "example.org");
    let proxies = Proxies::from_env(|name| match name {
        "no_proxy" => Some(text.clone().into_owned()),
        "http_proxy" => Some("http://proxy.example:3128".to_owned()),
        _ => None,
    });
    if let Ok(address) = Address::parse("http://10.1.2.3:8080/x") {
        let _ = proxies.of(&address);
    }
}

/// Lines of headers, of an address to be redirected to, and of what is kept beside a file.
pub fn http(data: &[u8]) {
    let text = text(data);
    let mut headers = HeaderMap::new();
    for line in text.lines() {
        if let Some((name, value)) = line.split_once(": ")
            && let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value))
        {
            headers.insert(name, value);
        }
    }
    let kept = described("https://example.org/x", &headers);
    for have in [0, 1, 100, u64::MAX] {
        continues(&kept, have, &headers);
    }
    // What is kept is read again as it was written.
    assert_eq!(Kept::parse(&kept.text()), kept);
    Kept::parse(&text).exact();
    let base = Address::parse("https://user:secret@example.org/a/b?c").expect("an address");
    for line in text.lines().take(200) {
        if let Ok(joined) = base.join(line) {
            assert!(Address::parse(&joined.uri().to_string()).is_ok(), "{joined}");
            joined.origin();
        }
        without_password(line);
        decoded(line);
    }
}

pub fn engine_reply(data: &[u8]) {
    if let Ok(reply) = hear(data, &mut |_| {}) {
        assert!(reply.choices.iter().all(|choice| !choice.name.is_empty()));
    }
}

/// What is unpacked is what was packed, and what is not packed is itself.
pub fn unpack(data: &[u8]) {
    if let Ok(bytes) = packing::unpack(data, data.len() as u64) {
        let again = packing::unpack(data, 0).expect("as before");
        assert_eq!(bytes, again);
    }
}
