//! Fetching over HTTP: who to ask, through which proxy, trusting which certificates. [`download()`] keeps files.
//!
//! TLS is always verified, against the machine's own certificates and no others. Nothing is decoded on the way: bytes are
//! kept as they were sent. A plain `http` address behind an HTTP proxy goes through a CONNECT tunnel, which some proxies
//! allow for port 443 alone.

pub(crate) mod address;
pub(crate) mod download;
pub(crate) mod kept;
mod proxy;
mod stream;

pub use download::{Absent, Options, Outcome, Progress, download};
pub use proxy::Proxies;
pub use stream::{Stream, forget};

use super::resolve::Names;
use address::Address;
use anyhow::{Context, Result, anyhow, bail};
use std::cell::RefCell;
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use ureq::http::Response;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, TlsProvider};
use ureq::unversioned::transport::DefaultConnector;
use ureq::{Agent, Body};

/// How the network is reached. [`Network::system`] is the machine's own; tests bring one of their own.
#[derive(Clone, Debug)]
pub struct Network {
    pub names: Names,
    pub proxies: Proxies,
    /// Files of CA certificates; the first that exists is used.
    pub ca_files: Vec<PathBuf>,
    /// To have a connection, with all that it takes.
    pub connect_timeout: Duration,
    /// The longest silence of a server.
    pub stall_timeout: Duration,
}

/// Where distributions keep their CA certificates in one file.
const CA_FILES: [&str; 6] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/ca-certificates/extracted/tls-ca-bundle.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];
const MAX_CA_BYTES: u64 = 16 << 20;
const MAX_REDIRECTS: usize = 5;

impl Network {
    /// As the environment has it: proxies, and `SSL_CERT_FILE` in place of the system's certificates.
    pub fn system() -> Network {
        let ca_files = match std::env::var_os("SSL_CERT_FILE").filter(|path| !path.is_empty()) {
            Some(path) => vec![path.into()],
            None => CA_FILES.map(PathBuf::from).into(),
        };
        Network {
            names: Names::system(),
            proxies: Proxies::from_env(|name| std::env::var(name).ok()),
            ca_files,
            connect_timeout: Duration::from_secs(30),
            stall_timeout: Duration::from_secs(30),
        }
    }

    fn roots(&self) -> Result<RootCerts> {
        let path = self.ca_files.iter().find(|path| path.is_file()).context(
            "no CA certificates on this machine to verify the server with (install ca-certificates, or set SSL_CERT_FILE)",
        )?;
        let mut pem = Vec::new();
        std::fs::File::open(path)
            .and_then(|file| file.take(MAX_CA_BYTES).read_to_end(&mut pem))
            .with_context(|| format!("cannot read the CA certificates in {}", path.display()))?;
        let certificate = |item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        };
        let roots: Vec<Certificate<'static>> = ureq::tls::parse_pem(&pem).filter_map(certificate).collect();
        if roots.is_empty() {
            bail!("no CA certificates in {} (install ca-certificates, or set SSL_CERT_FILE)", path.display());
        }
        Ok(RootCerts::Specific(Arc::new(roots)))
    }

    fn agent(&self, address: &Address) -> Result<Agent> {
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(concat!("omg/", env!("CARGO_PKG_VERSION")))
            .accept_encoding("identity")
            .timeout_resolve(Some(self.connect_timeout))
            .timeout_connect(Some(self.connect_timeout))
            .timeout_recv_response(Some(self.stall_timeout))
            .timeout_per_read(Some(self.stall_timeout))
            .timeout_per_write(Some(self.stall_timeout))
            .proxy(self.proxies.of(address)?);
        if address.is_https() {
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            config = config.tls_config(
                TlsConfig::builder()
                    .provider(TlsProvider::Rustls)
                    .unversioned_rustls_crypto_provider(provider)
                    .root_certs(self.roots()?)
                    .build(),
            );
        }
        Ok(Agent::with_parts(config.build(), DefaultConnector::new(), self.names.clone()))
    }
}

/// Requests that belong together: connections and certificates are kept between them.
struct Session<'a> {
    network: &'a Network,
    agents: RefCell<Vec<(String, Agent)>>,
}

impl<'a> Session<'a> {
    fn new(network: &'a Network) -> Self {
        Session { network, agents: RefCell::default() }
    }

    fn agent(&self, address: &Address) -> Result<Agent> {
        let mut agents = self.agents.borrow_mut();
        // One for each origin: the proxy depends on it.
        let origin = address.origin();
        if let Some((_, agent)) = agents.iter().find(|(known, _)| *known == origin) {
            return Ok(agent.clone());
        }
        let agent = self.network.agent(address)?;
        agents.push((origin, agent.clone()));
        Ok(agent)
    }

    /// Sends a GET, and again wherever it is redirected to. Any other status is the caller's to judge.
    fn get(&self, address: &Address, headers: &[(&str, String)]) -> Result<Response<Body>> {
        let mut address = address.clone();
        for _ in 0..=MAX_REDIRECTS {
            let mut request = self.agent(&address)?.get(address.uri().clone());
            for (name, value) in headers {
                request = request.header(*name, value);
            }
            let response = request.call().map_err(|error| self.explain(error, &address))?;
            if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
                return Ok(response);
            }
            let target = response.headers().get("location").and_then(|value| value.to_str().ok());
            let target = target.with_context(|| format!("{address} redirects to nowhere"))?;
            let next = address.join(target).with_context(|| format!("{address} redirects to a bad address"))?;
            if address.is_https() && !next.is_https() {
                bail!("{address} redirects to {next}, which is not encrypted");
            }
            address = next;
        }
        bail!("more than {MAX_REDIRECTS} redirects, the last to {address}")
    }

    fn explain(&self, error: ureq::Error, address: &Address) -> anyhow::Error {
        let reason = match error {
            ureq::Error::Timeout(ureq::Timeout::Connect) => anyhow!("no connection to the server in time"),
            ureq::Error::Timeout(ureq::Timeout::Resolve) => anyhow!("the server's name could not be resolved in time"),
            ureq::Error::Timeout(_) => return self.silent(address),
            ureq::Error::HostNotFound => anyhow!("no such host"),
            ureq::Error::Io(error) => anyhow!(error),
            error => anyhow!(error),
        };
        reason.context(format!("cannot fetch {address}"))
    }

    /// The error for a server that has said nothing, or next to nothing, for too long.
    fn silent(&self, address: &Address) -> anyhow::Error {
        anyhow!("{address}: the server sent nothing for {} seconds", self.network.stall_timeout.as_secs_f32())
    }
}

/// Whether an error of reading a body is ureq's own time-out.
fn unwrapped_timeout(error: &std::io::Error) -> bool {
    let inside = error.get_ref().and_then(|inside| inside.downcast_ref::<ureq::Error>());
    matches!(inside, Some(ureq::Error::Timeout(_))) || error.kind() == std::io::ErrorKind::TimedOut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_certificates_nothing_is_trusted_and_the_way_out_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("certs.pem");
        let mut network = Network { ca_files: vec![file.clone()], ..Network::system() };
        let hint = |network: &Network| network.roots().unwrap_err().to_string();
        assert!(hint(&network).contains("install ca-certificates"));
        std::fs::write(&file, "-----BEGIN NOTHING-----\n").unwrap();
        assert!(hint(&network).contains("certs.pem"));
        network.ca_files.clear();
        assert!(hint(&network).contains("SSL_CERT_FILE"));
    }
}
