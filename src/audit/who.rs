//! The person behind a process: also where `sudo` or its like made it root.
//!
//! Names come from `/etc/passwd` alone, since a static program cannot ask NSS.

use serde::Serialize;
use std::fs::File;
use std::io::Read;

/// More of `/etc/passwd` is not looked through.
const MAX_PASSWD_BYTES: u64 = 16 << 20;

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Who {
    /// The real one.
    pub uid: u32,
    /// Empty where `/etc/passwd` has no name for it.
    pub user: String,
}

impl Who {
    /// The person behind this process.
    pub fn of_process() -> Who {
        let mut passwd = Vec::new();
        // Without it there are no names, and the numbers are right.
        drop(File::open("/etc/passwd").and_then(|file| file.take(MAX_PASSWD_BYTES).read_to_end(&mut passwd)));
        let (real, effective) = (rustix::process::getuid().as_raw(), rustix::process::geteuid().as_raw());
        let variable = |name: &str| std::env::var(name).ok();
        Who::of(real, effective, &variable, &String::from_utf8_lossy(&passwd))
    }

    /// Whoever is not root has set these variables for himself, and is not believed.
    fn of(real: u32, effective: u32, variable: &dyn Fn(&str) -> Option<String>, passwd: &str) -> Who {
        let number = |name: &str| variable(name)?.parse().ok();
        let named = |name: &str| {
            let wanted = variable(name)?;
            Some(Account::all(passwd).find(|account| account.name == wanted)?.uid)
        };
        let uid = match (real, effective) {
            (0, 0) => number("SUDO_UID").or_else(|| number("PKEXEC_UID")).or_else(|| named("DOAS_USER")).unwrap_or(0),
            _ => real,
        };
        let user = Account::all(passwd).find(|account| account.uid == uid).map_or("", |account| account.name);
        Who { uid, user: user.to_owned() }
    }
}

struct Account<'p> {
    name: &'p str,
    uid: u32,
}

impl Account<'_> {
    fn all(passwd: &str) -> impl Iterator<Item = Account<'_>> {
        passwd.lines().filter_map(|line| {
            let mut fields = line.split(':');
            let (name, uid) = (fields.next()?, fields.nth(1)?.parse().ok()?);
            Some(Account { name, uid }).filter(|_| !name.is_empty())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Who;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\nbroken\n:x:7:7\nada:x:1000:1000::/home/ada:/bin/sh\n+::::::\n";

    fn who(real: u32, effective: u32, variables: &[(&str, &str)]) -> (u32, String) {
        let variable = |name: &str| Some(variables.iter().find(|(known, _)| *known == name)?.1.to_owned());
        let Who { uid, user } = Who::of(real, effective, &variable, PASSWD);
        (uid, user)
    }

    #[test]
    fn root_is_whoever_became_root() {
        let (root, ada) = ((0, "root".to_owned()), (1000, "ada".to_owned()));
        assert_eq!(who(0, 0, &[]), root);
        assert_eq!(who(1000, 1000, &[]), ada);
        assert_eq!(who(0, 0, &[("SUDO_UID", "1000")]), ada);
        assert_eq!(who(0, 0, &[("PKEXEC_UID", "1000")]), ada);
        assert_eq!(who(0, 0, &[("DOAS_USER", "ada")]), ada);
        assert_eq!(who(0, 0, &[("DOAS_USER", "nobody-known")]), root);
        assert_eq!(who(0, 0, &[("SUDO_UID", "x")]), root);
        assert_eq!(who(7, 7, &[]), (7, String::new()));
    }

    #[test]
    fn nobody_else_can_claim_to_be_another() {
        let ada = (1000, "ada".to_owned());
        assert_eq!(who(1000, 1000, &[("SUDO_UID", "0")]), ada);
        assert_eq!(who(1000, 0, &[("SUDO_UID", "0")]), ada);
    }
}
