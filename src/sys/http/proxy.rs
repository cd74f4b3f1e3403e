//! Proxies as the environment names them, by the rules that curl made common.

use super::address::{Address, without_password};
use anyhow::{Context, Result};
use std::net::IpAddr;
use ureq::Proxy;

/// Which proxy is asked for which address.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Proxies {
    pub http: Option<String>,
    pub https: Option<String>,
    /// Hosts that are reached directly.
    pub except: Vec<String>,
}

/// A proxy's address may hold a password, which belongs in no log.
impl std::fmt::Debug for Proxies {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shown = |proxy: &Option<String>| proxy.as_deref().map(without_password);
        to.debug_struct("Proxies")
            .field("http", &shown(&self.http))
            .field("https", &shown(&self.https))
            .field("except", &self.except)
            .finish()
    }
}

impl Proxies {
    /// Lower case goes before upper case. `HTTP_PROXY` is not read: to a CGI program it is a header of its client's.
    pub fn from_env(variable: impl Fn(&str) -> Option<String>) -> Proxies {
        let first = |names: &[&str]| {
            names.iter().find_map(|name| variable(name)).map(|value| value.trim().to_owned()).filter(|v| !v.is_empty())
        };
        let except = first(&["no_proxy", "NO_PROXY"]).unwrap_or_default();
        Proxies {
            http: first(&["http_proxy", "all_proxy", "ALL_PROXY"]),
            https: first(&["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]),
            except: except
                .split([',', ' '])
                .map(|host| host.trim().to_ascii_lowercase())
                .filter(|host| !host.is_empty())
                .collect(),
        }
    }

    pub(crate) fn of(&self, address: &Address) -> Result<Option<Proxy>> {
        let proxy = if address.is_https() { &self.https } else { &self.http };
        let Some(proxy) = proxy else { return Ok(None) };
        let host = address.host().trim_end_matches('.').to_ascii_lowercase();
        if self.except.iter().any(|entry| excepts(entry, &host, address.port())) {
            return Ok(None);
        }
        Proxy::new(proxy).map(Some).with_context(|| format!("cannot use the proxy {}", without_password(proxy)))
    }
}

/// Whether `entry` of `no_proxy` means `host`: itself or a domain it is in, an address or a network.
fn excepts(entry: &str, host: &str, port: u16) -> bool {
    if entry == "*" {
        return true;
    }
    if let Ok(address) = host.parse::<IpAddr>() {
        let (network, bits) = match entry.split_once('/') {
            Some((network, bits)) => (network, bits.parse().ok()),
            None => (entry, Some(128)),
        };
        let network = network.trim_matches(['[', ']']).parse::<IpAddr>();
        return matches!((network, bits), (Ok(network), Some(bits)) if same_network(network, address, bits));
    }
    let entry = match entry.rsplit_once(':') {
        Some((name, wanted)) if wanted.parse() == Ok(port) => name,
        Some(_) => return false,
        None => entry,
    };
    let domain = entry.trim_start_matches('*').trim_start_matches('.');
    !domain.is_empty() && host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

fn same_network(network: IpAddr, address: IpAddr, bits: u32) -> bool {
    let (network, address, size) = match (network, address) {
        (IpAddr::V4(network), IpAddr::V4(address)) => {
            (u128::from(network.to_bits()), u128::from(address.to_bits()), 32)
        }
        (IpAddr::V6(network), IpAddr::V6(address)) => (network.to_bits(), address.to_bits(), 128),
        _ => return false,
    };
    let ignored = size - bits.min(size);
    // A shift by the whole width is no shift: then every address is in the network.
    (network ^ address).checked_shr(ignored).unwrap_or(0) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy_of(variables: &[(&str, &str)], url: &str) -> Option<String> {
        let find =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        let proxy = Proxies::from_env(find).of(&Address::parse(url).unwrap()).unwrap();
        proxy.map(|proxy| format!("{}:{}", proxy.host(), proxy.port()))
    }

    #[test]
    fn each_scheme_has_its_variable() {
        let all =
            [("http_proxy", "http://h:1"), ("HTTPS_PROXY", "s:2"), ("ALL_PROXY", "socks5h://a:3"), ("HTTP_PROXY", "x")];
        assert_eq!(proxy_of(&all, "http://m/").as_deref(), Some("h:1"));
        assert_eq!(proxy_of(&all, "https://m/").as_deref(), Some("s:2"));
        assert_eq!(proxy_of(&all[2..], "http://m/").as_deref(), Some("a:3"));
        assert_eq!(proxy_of(&all[3..], "http://m/"), None);
        assert_eq!(proxy_of(&[("https_proxy", ""), ("ALL_PROXY", "a:3")], "https://m/"), None, "empty switches it off");
    }

    #[test]
    fn exceptions_are_hosts_domains_addresses_and_networks() {
        let direct =
            |except: &str, url: &str| proxy_of(&[("all_proxy", "http://p:1"), ("no_proxy", except)], url).is_none();
        for (except, url) in [
            ("*", "http://any/"),
            ("a, Example.org", "http://EXAMPLE.org/"),
            (".example.org", "https://m.example.org/"),
            ("*.example.org", "https://m.example.org/"),
            ("example.org", "https://m.example.org./"),
            ("m:8080", "http://m:8080/"),
            ("10.0.0.1", "http://10.0.0.1/"),
            ("10.0.0.0/8", "http://10.200.0.1/"),
            ("0.0.0.0/0", "http://10.200.0.1/"),
            ("[::1]", "http://[::1]/"),
            ("fe80::/10", "http://[fe80::1]/"),
        ] {
            assert!(direct(except, url), "{except} {url}");
        }
        for (except, url) in [
            ("", "http://any/"),
            (".", "http://any/"),
            ("ample.org", "http://example.org/"),
            ("m:8080", "http://m/"),
            ("10.0.0.0/8", "http://11.0.0.1/"),
            ("10.0.0.0/x", "http://10.0.0.1/"),
            ("fe80::/10", "http://10.0.0.1/"),
        ] {
            assert!(!direct(except, url), "{except} {url}");
        }
    }

    #[test]
    fn a_password_is_not_shown() {
        let proxies = Proxies { https: Some("http://me:secret@p:1".into()), ..Proxies::default() };
        assert!(!format!("{proxies:?}").contains("secret"));
        let bad = Proxies { https: Some("ftp://me:secret@p:1".into()), ..Proxies::default() };
        let error = bad.of(&Address::parse("https://m/").unwrap()).unwrap_err();
        assert!(!format!("{error:#}").contains("secret"), "{error:#}");
    }
}
