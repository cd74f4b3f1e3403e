//! What the audit log and the journal both know.

/// An entry of the audit log that is known elsewhere too, so that a log that was cut short is found.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct AuditHead {
    /// Entries count from 1, and stand each on the line of its number.
    pub seq: u64,
    /// 64 hexadecimal digits.
    pub hash: String,
}
