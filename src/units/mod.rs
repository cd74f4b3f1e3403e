//! What makes other programs run `omg refresh`: package manager hooks, systemd units, a cron line.
//!
//! [`all`] makes the texts, [`install()`] and [`remove`] put them on a machine and take them off. Nothing here starts or
//! enables anything: that is [`ENABLE`], for the user to run. Every hook ends with 0 whatever omg does, and within about a
//! minute, since a refresh that fails must never fail an installation.

mod install;

pub use install::{Outcome, Step, install, remove};

use crate::model::Source;
use anyhow::{Result, bail};
use std::path::{Path, PathBuf};

/// One file for another program to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    pub name: &'static str,
    /// Absolute; below the root it is installed in.
    pub path: PathBuf,
    pub text: String,
}

/// What starts the systemd units once they are installed.
pub const ENABLE: [&str; 5] = ["systemctl", "enable", "--now", "omg-refresh.path", "omg-refresh.timer"];

/// Stands in the first line of each file, and tells ours from others'.
const MARK: &str = "Written by `omg units`";

/// Everything that fits a machine with these package families. `binary` is where omg lies on that machine.
///
/// # Errors
/// If `binary` is not absolute, or has characters that one of the five syntaxes would have to quote.
pub fn all(binary: &Path, families: &[Source]) -> Result<Vec<Unit>> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '-' | '+');
    let Some(omg) = binary.to_str().filter(|path| path.starts_with('/') && path.chars().all(plain)) else {
        bail!("cannot write units for {binary:?}: the path must be absolute, of letters, digits and any of / . _ - +");
    };
    let mut units = Vec::new();
    if families.contains(&Source::Pacman) {
        units.push(unit("pacman hook", "/etc/pacman.d/hooks/zz-omg-refresh.hook", pacman_hook(omg)));
    }
    if families.contains(&Source::Apt) {
        units.push(unit("apt hook", "/etc/apt/apt.conf.d/90omg-refresh", apt_hook(omg)));
    }
    units.push(unit("systemd service", "/etc/systemd/system/omg-refresh.service", service(omg)));
    units.push(unit("systemd path", "/etc/systemd/system/omg-refresh.path", path_unit(families)));
    units.push(unit("systemd timer", "/etc/systemd/system/omg-refresh.timer", timer()));
    units.push(unit("cron line", "/etc/cron.d/omg-refresh", cron(omg)));
    Ok(units)
}

fn unit(name: &'static str, path: &str, text: String) -> Unit {
    Unit { name, path: path.into(), text }
}

/// The shell's words for "refresh, if omg is there, and be content". A hung omg is ended, a dead one not spoken of.
fn guarded(omg: &str) -> String {
    format!("if [ -x {omg} ]; then timeout -k 5 60 {omg} refresh --if-stale --quiet || :; fi")
}

/// Runs last among the hooks, by its name. libalpm splits Exec into words and knows single quotes.
fn pacman_hook(omg: &str) -> String {
    format!(
        "# {MARK}.\n\
         [Trigger]\n\
         Operation = Install\n\
         Operation = Upgrade\n\
         Operation = Remove\n\
         Type = Package\n\
         Target = *\n\
         \n\
         [Action]\n\
         Description = Refreshing the index of omg...\n\
         When = PostTransaction\n\
         Exec = /bin/sh -c '{}'\n",
        guarded(omg)
    )
}

fn apt_hook(omg: &str) -> String {
    let command = guarded(omg);
    format!(
        "// {MARK}.\n\
         DPkg::Post-Invoke {{ \"{command}\"; }};\n\
         APT::Update::Post-Invoke-Success {{ \"{command}\"; }};\n"
    )
}

/// Root without the means of root: it reads databases, fetches AUR metadata, and writes in its own state folder.
/// `StateDirectory` both makes /var/lib/omg and lets it be written. No start limit, since dpkg writes its status file
/// many times in a row, and a path unit whose service hits the limit stays off.
fn service(omg: &str) -> String {
    format!(
        "# {MARK}.\n\
         [Unit]\n\
         Description=Bring the index of omg up to date\n\
         ConditionFileIsExecutable={omg}\n\
         StartLimitIntervalSec=0\n\
         \n\
         [Service]\n\
         Type=oneshot\n\
         ExecStart={omg} refresh --if-stale --quiet\n\
         TimeoutStartSec=5min\n\
         Nice=10\n\
         IOSchedulingClass=idle\n\
         UMask=0022\n\
         StateDirectory=omg\n\
         StateDirectoryMode=0755\n\
         ReadWritePaths=-/var/lib/omg\n\
         ProtectSystem=strict\n\
         ProtectHome=read-only\n\
         PrivateTmp=yes\n\
         PrivateDevices=yes\n\
         ProtectClock=yes\n\
         ProtectControlGroups=yes\n\
         ProtectHostname=yes\n\
         ProtectKernelLogs=yes\n\
         ProtectKernelModules=yes\n\
         ProtectKernelTunables=yes\n\
         ProtectProc=invisible\n\
         NoNewPrivileges=yes\n\
         CapabilityBoundingSet=CAP_DAC_READ_SEARCH\n\
         LockPersonality=yes\n\
         MemoryDenyWriteExecute=yes\n\
         RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK\n\
         RestrictNamespaces=yes\n\
         RestrictRealtime=yes\n\
         RestrictSUIDSGID=yes\n\
         SystemCallArchitectures=native\n\
         SystemCallFilter=@system-service\n\
         SystemCallErrorNumber=EPERM\n"
    )
}

/// For what runs no hook: a bare `pacman -Sy`, a bare `dpkg -i`, unattended downloads.
fn path_unit(families: &[Source]) -> String {
    let mut text = format!("# {MARK}.\n[Unit]\nDescription=Watch the package databases for omg\n\n[Path]\n");
    let mut watch = |source: Source, paths: &[&str]| {
        if families.contains(&source) {
            text.extend(paths.iter().map(|path| format!("PathChanged={path}\n")));
        }
    };
    watch(Source::Pacman, &["/var/lib/pacman/sync"]);
    watch(Source::Apt, &["/var/lib/apt/lists", "/var/lib/dpkg/status"]);
    if families.is_empty() {
        // A path unit must watch something, and its service's own binary does not change by itself.
        text.push_str("PathChanged=/var/lib/omg\n");
    }
    text.push_str("Unit=omg-refresh.service\n\n[Install]\nWantedBy=paths.target\n");
    text
}

fn timer() -> String {
    format!(
        "# {MARK}.\n\
         [Unit]\n\
         Description=Bring the index of omg up to date every day\n\
         \n\
         [Timer]\n\
         OnCalendar=daily\n\
         RandomizedDelaySec=4h\n\
         Persistent=true\n\
         \n\
         [Install]\n\
         WantedBy=timers.target\n"
    )
}

/// Does nothing where systemd runs, whose timer does the same. Waits up to an hour, so that machines do not all fetch at
/// once; without a percent sign, which cron reads as the end of the line.
fn cron(omg: &str) -> String {
    format!(
        "# {MARK}.\n\
         SHELL=/bin/sh\n\
         PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n\
         17 4 * * * root [ -d /run/systemd/system ] || {{ sleep $(( $(od -An -N2 -tu2 /dev/urandom) / 18 )); {}; }}\n",
        guarded(omg)
    )
}
