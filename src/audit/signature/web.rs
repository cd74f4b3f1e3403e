//! Whom the web of trust leads to: whether enough of those who may vouch for others certify one of a key's users, as gpg counts it (gnupg,
//! `validate_keys` in `g10/trustdb.c`).
//!
//! Only the certificate that is asked about and its certifiers are read, and of these only those whom somebody marked. What a trust
//! signature would lend to somebody without a mark is not counted, and whoever is trusted for some addresses alone vouches for nobody
//! here: that makes the answer stricter than gpg's and nothing else. So does what gpg lets pass of one's own keys: one that was revoked
//! vouches for nobody.

use super::keyring::Keyring;
use super::quick::Quick;
use super::{certification, lean, lenient, packets};
use anyhow::{Context, Result};
use sequoia_openpgp::packet::{Packet, Signature};
use sequoia_openpgp::parse::Parse;
use sequoia_openpgp::types::RevocationStatus;
use sequoia_openpgp::{Cert, KeyHandle, PacketPile};
use std::collections::HashMap;
use std::time::SystemTime;

/// How far somebody believes what a key certifies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mark {
    Marginal,
    Full,
    /// One's own.
    Ultimate,
}

impl Mark {
    /// By gpg's number. `None` where what it certifies counts for nothing.
    pub fn of(number: u8) -> Option<Mark> {
        match number {
            4 => Some(Mark::Marginal),
            5 => Some(Mark::Full),
            6 => Some(Mark::Ultimate),
            _ => None,
        }
    }
}

/// By the fingerprints of certificates.
pub type Marks = HashMap<[u8; 20], Mark>;

/// How many certifications make a user valid, how long a chain may be, and what least care they have to have been made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    pub marginals: u8,
    pub completes: u8,
    pub depth: u8,
    pub min_level: u8,
}

/// gpg's own.
impl Default for Rules {
    fn default() -> Rules {
        Rules { marginals: 3, completes: 1, depth: 5, min_level: 2 }
    }
}

/// Whose word counts.
pub struct Web<'t> {
    pub marks: &'t Marks,
    pub rules: Rules,
    /// Whether all with a mark are valid as they are, and not one's own keys alone: pacman-key certifies those of a `-trusted` list.
    pub are_marked_valid: bool,
}

impl Web<'_> {
    /// Whether it leads to a certificate, given as its packets. That this one has expired is left to whoever asks.
    pub fn leads_to(&self, certificate: &[u8], ring: &Keyring, now: SystemTime) -> Result<bool> {
        let mut nodes = self.gather(certificate, ring)?;
        // Whoever has expired or was revoked vouches for nobody.
        let is_alive: Vec<bool> = nodes.iter().enumerate().map(|(at, node)| at == 0 || node.is_alive(now)).collect();
        let mut last: Vec<usize> = (0..nodes.len()).filter(|at| is_alive[*at] && self.is_first(&nodes[*at])).collect();
        last.iter().for_each(|at| nodes[*at].is_valid = true);
        // That somebody certified those who are marked was the first step.
        let steps = self.rules.depth.saturating_sub(u8::from(self.are_marked_valid));
        for _ in 0..steps {
            if nodes[0].is_valid || last.is_empty() {
                break;
            }
            let candidates = (0..nodes.len()).filter(|at| is_alive[*at] && !nodes[*at].is_valid);
            let steps: Vec<(usize, Step)> = candidates
                .map(|at| {
                    let by = last.iter().map(|by| &nodes[*by]).filter(|by| !by.is_limited);
                    (at, nodes[at].step(by, self.rules, now))
                })
                .collect();
            last.clear();
            for (at, Step { counts, is_limited }) in steps {
                let node = &mut nodes[at];
                node.is_valid = counts.iter().any(|count| count.suffices(self.rules));
                node.is_limited = is_limited;
                node.counts = counts;
                last.extend(node.is_valid.then_some(at));
            }
        }
        Ok(nodes[0].is_valid)
    }

    fn is_first(&self, node: &Node) -> bool {
        node.mark.is_some_and(|mark| mark == Mark::Ultimate || self.are_marked_valid)
    }

    /// The certificate, and those by whom a chain may lead to it.
    fn gather(&self, certificate: &[u8], ring: &Keyring) -> Result<Vec<Node>> {
        let mut quick = Quick::default();
        let mut nodes = vec![self.node(certificate, &mut quick)?];
        let mut new = 0;
        for _ in 0..self.rules.depth {
            let last = nodes[new..].iter().filter(|node| !self.is_first(node));
            let mut wanted: Vec<KeyHandle> = last.flat_map(Node::certifiers).collect();
            wanted.retain(|name| self.is_marked(name.as_bytes()) && !nodes.iter().any(|node| node.name.aliases(name)));
            wanted.sort_by(|a, b| a.as_bytes().cmp(b.as_bytes()));
            wanted.dedup();
            new = nodes.len();
            for certificate in ring.of(&wanted)? {
                let node = self.node(&certificate, &mut quick)?;
                // A subkey may have the name that was looked for, and rings may have a certificate twice.
                if node.mark.is_some() && !nodes.iter().any(|other| other.name == node.name) {
                    nodes.push(node);
                }
            }
            if new == nodes.len() {
                break;
            }
        }
        nodes.iter().for_each(|node| node.hint(&nodes, &mut quick));
        quick.tell();
        Ok(nodes)
    }

    /// Whether a name, whole or short, is that of somebody with a mark.
    fn is_marked(&self, name: &[u8]) -> bool {
        self.marks.keys().any(|fingerprint| packets::is_named(fingerprint, name))
    }

    fn node(&self, certificate: &[u8], quick: &mut Quick) -> Result<Node> {
        let packets = lean::lean(certificate, &|issuer| self.is_marked(issuer))?;
        let packets = PacketPile::from_bytes(&packets).context("a certificate makes no sense")?;
        let packets: Vec<Packet> = packets.into_children().collect();
        quick.certificate(&packets, &[]);
        let cert = Cert::from_packets(packets.into_iter()).context("a certificate makes no sense")?;
        let fingerprint = cert.fingerprint();
        let mark = <[u8; 20]>::try_from(fingerprint.as_bytes()).ok().and_then(|key| self.marks.get(&key).copied());
        let counts = vec![Count::default(); cert.userids().count()];
        Ok(Node { name: fingerprint.into(), cert, mark, counts, is_valid: false, is_limited: false })
    }
}

struct Node {
    name: KeyHandle,
    cert: Cert,
    mark: Option<Mark>,
    /// Of each user.
    counts: Vec<Count>,
    is_valid: bool,
    /// Whether it was trusted for some addresses alone.
    is_limited: bool,
}

/// What those who became valid last add.
struct Step {
    counts: Vec<Count>,
    is_limited: bool,
}

/// Who certified a user, by their marks.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    marginal: usize,
    full: usize,
    ultimate: usize,
}

impl Count {
    fn suffices(&self, rules: Rules) -> bool {
        let reaches = |count: usize, needed: u8| count > 0 && count >= needed.into();
        self.ultimate > 0 || reaches(self.full, rules.completes) || reaches(self.marginal, rules.marginals)
    }
}

impl Node {
    /// Who may have certified a user of it.
    fn certifiers(&self) -> Vec<KeyHandle> {
        let certifications = self.cert.userids().flat_map(|user| user.certifications());
        certifications.flat_map(Signature::get_issuers).collect()
    }

    fn is_alive(&self, now: SystemTime) -> bool {
        let policy = lenient();
        let is_revoked = self.cert.primary_key().self_revocations().next().is_some();
        !is_revoked
            && self.cert.with_policy(&policy, now).is_ok_and(|valid| {
                valid.alive().is_ok() && matches!(valid.revocation_status(), RevocationStatus::NotAsFarAsWeKnow)
            })
    }

    fn step<'n>(&self, by: impl Iterator<Item = &'n Node> + Clone, rules: Rules, now: SystemTime) -> Step {
        let mut step = Step { counts: self.counts.clone(), is_limited: self.is_limited };
        for (user, count) in self.cert.userids().zip(&mut step.counts) {
            if !certification::is_confirmed(&user, now) {
                continue;
            }
            for by in by.clone() {
                let Some(made) = certification::by(&by.cert, &user, rules.min_level, now) else { continue };
                step.is_limited |= made.regular_expressions().next().is_some();
                match by.mark {
                    Some(Mark::Ultimate) => count.ultimate += 1,
                    Some(Mark::Full) => count.full += 1,
                    Some(Mark::Marginal) => count.marginal += 1,
                    None => {}
                }
            }
        }
        step
    }

    /// Has what others say of its users verified the quick way.
    fn hint(&self, nodes: &[Node], quick: &mut Quick) {
        let primary = self.cert.primary_key().key();
        for user in self.cert.userids() {
            for signature in user.certifications().chain(user.other_revocations()) {
                let issuers = signature.get_issuers();
                for by in nodes.iter().filter(|by| issuers.iter().any(|issuer| issuer.aliases(&by.name))) {
                    quick.certification(signature, by.cert.primary_key().key(), primary, user.userid());
                }
            }
        }
    }
}
