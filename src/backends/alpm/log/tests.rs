//! pacman's log of every age: made by hand, damaged, and written by the real pacman.

use super::*;
use std::fs;
use std::process::{Command, Stdio};

/// One hour east of Greenwich, two in summer.
fn zone() -> TimeZone {
    TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap()
}

fn read_all(text: &[u8]) -> (Vec<Transaction>, usize) {
    let mut all = Vec::new();
    let done = read(text, &zone(), &mut |transaction| all.push(transaction));
    (all, done)
}

/// Each transaction as `COMMAND @STARTED+LASTED FAILURE: CHANGES`.
fn told(text: &str) -> Vec<String> {
    read_all(text.as_bytes()).0.iter().map(show).collect()
}

fn show(transaction: &Transaction) -> String {
    assert_eq!((transaction.source, transaction.user.as_str()), (Source::Pacman, ""));
    let changes = transaction.changes.iter().map(|change| {
        assert_eq!((change.arch.as_str(), change.reason), ("", None));
        format!(" {} {} {}>{}", change.action.key(), change.name, change.old, change.new)
    });
    let lasted = transaction.ended.map_or("?".to_owned(), |ended| (ended - transaction.started).to_string());
    let Transaction { command, started, failure, .. } = transaction;
    format!("{command} @{started}+{lasted} {failure}:{}", changes.collect::<String>())
}

const MODERN: &str = "\
[2021-03-01T12:00:00+0100] [PACMAN] Running 'pacman -Syu'
[2021-03-01T12:00:00+0100] [PACMAN] synchronizing package lists
[2021-03-01T12:00:03+0100] [PACMAN] starting full system upgrade
[2021-03-01T12:10:00+0100] [ALPM] running '60-mkinitcpio-remove.hook'...
[2021-03-01T12:10:00+0100] [ALPM] transaction started
[2021-03-01T12:10:01+0100] [ALPM] removed old (0.9-1)
[2021-03-01T12:10:02+0100] [ALPM] upgraded glibc (2.32-5 -> 2.33-4)
[2021-03-01T12:10:02+0100] [ALPM-SCRIPTLET] installed fake (1-1)
[2021-03-01T12:10:03+0100] [ALPM] downgraded a (2:1-1 -> 1:9-1)
[2021-03-01T12:10:04+0100] [ALPM] warning: /etc/pacman.conf installed as /etc/pacman.conf.pacnew
[2021-03-01T12:10:05+0100] [ALPM] reinstalled b (1-1)
[2021-03-01T12:10:06+0100] [ALPM] installed c++ (1.0+r1-1)
[2021-03-01T12:10:07+0100] [ALPM] transaction completed
[2021-03-01T12:10:08+0100] [ALPM] running '30-systemd-update.hook'...
[2021-03-01T12:10:08+0100] [ALPM-HOOK] transaction started
";
const MODERN_TOLD: &str = "pacman -Syu @1614597000+7 : remove old 0.9-1> upgrade glibc 2.32-5>2.33-4 downgrade a 2:1-1>1:9-1 \
                           reinstall b 1-1>1-1 install c++ >1.0+r1-1";

#[test]
fn a_marked_transaction() {
    assert_eq!(told(MODERN), [MODERN_TOLD]);
    assert_eq!(read_all(MODERN.as_bytes()).1, MODERN.len());
}

#[test]
fn local_times_by_the_zone_and_times_with_offset_by_their_own() {
    let log = "[2014-01-01 12:00] [ALPM] transaction started\n[2014-01-01 12:00] [ALPM] installed a (1-1)\n\
               [2014-01-01 12:01] [ALPM] transaction completed\n\
               [2014-07-01 12:00] [ALPM] transaction started\n[2014-07-01 12:00] [ALPM] installed b (1-1)\n\
               [2014-07-01 12:00] [ALPM] transaction completed\n\
               [2014-07-01T12:00:59-0930] [ALPM] transaction started\n[2014-07-01T12:00:59-0930] [ALPM] removed b (1-1)\n\
               [2014-07-01T12:00:60-0930] [ALPM] transaction completed\n";
    let all = told(log);
    assert_eq!(all[0], " @1388574000+60 : install a >1-1");
    assert_eq!(all[1], " @1404208800+0 : install b >1-1");
    assert_eq!(all[2], " @1404250259+0 : remove b 1-1>");
    assert_eq!(all.len(), 3);
}

#[test]
fn a_time_that_came_twice_is_the_first_and_one_that_never_came_does_no_harm() {
    let at = |stamp: &str| super::stamp(format!("[{stamp}] x").as_bytes(), &zone()).map(|(time, _)| time);
    assert_eq!(at("2014-10-26 02:30"), Some(1_414_283_400));
    assert_eq!(at("2014-03-30 02:30"), Some(1_396_143_000));
    for wrong in ["2014-02-30 12:00", "2014-01-01 24:00", "13/01/07 00:00", "2014-01-01T12:00:00+9999", "", "x"] {
        assert_eq!(at(wrong), None, "{wrong}");
    }
}

#[test]
fn a_failure_tells_why_and_what_was_done_before_it() {
    let log = "[2021-03-01T12:00:00+0000] [PACMAN] Running 'pacman -S a b'\n\
               [2021-03-01T12:00:01+0000] [ALPM] transaction started\n\
               [2021-03-01T12:00:02+0000] [ALPM] installed a (1-1)\n\
               [2021-03-01T12:00:02+0000] [ALPM] error: could not commit\n\
               [2021-03-01T12:00:03+0000] [ALPM] transaction failed\n\
               [2021-03-02T12:00:01+0000] [ALPM] transaction started\n\
               [2021-03-02T12:00:02+0000] [ALPM] installed a (1-1)\n\
               [2021-03-02T12:00:03+0000] [ALPM] transaction failed\n\
               [2021-03-03T12:00:01+0000] [ALPM] transaction started\n\
               [2021-03-03T12:00:02+0000] [ALPM] installed a (1-1)\n\
               [2021-03-03T12:00:03+0000] [ALPM] transaction interrupted\n\
               [2021-03-04T12:00:01+0000] [ALPM] transaction started\n\
               [2021-03-04T12:00:03+0000] [ALPM] transaction failed\n";
    let want = [
        "pacman -S a b @1614600001+2 could not commit: install a >1-1",
        " @1614686401+2 transaction failed: install a >1-1",
        " @1614772801+2 transaction interrupted: install a >1-1",
    ];
    assert_eq!(told(log), want);
    assert_eq!(read_all(log.as_bytes()).1, log.len());
}

#[test]
fn a_command_is_only_that_of_the_first_transaction_of_its_run() {
    let transaction = |day: u8, name: &str| {
        format!(
            "[2021-03-{day:02}T12:00:00+0000] [ALPM] transaction started\n\
             [2021-03-{day:02}T12:00:00+0000] [ALPM] installed {name} (1-1)\n\
             [2021-03-{day:02}T12:00:00+0000] [ALPM] transaction completed\n"
        )
    };
    let running = |day: u8, name: &str| format!("[2021-03-{day:02}T11:00:00+0000] [PACMAN] Running 'pacman {name}'\n");
    let log = [
        running(1, "-Sy"),
        running(1, "-S it's"),
        transaction(1, "a"),
        transaction(1, "b"),
        running(2, "-Sy"),
        transaction(4, "c"),
        running(5, "-Sy"),
        "[2021-03-05T11:30:00+0000] [PACKAGEKIT] synchronizing package lists\n".to_owned(),
        transaction(5, "d"),
    ]
    .concat();
    let got: Vec<_> = read_all(log.as_bytes()).0.into_iter().map(|t| (t.changes[0].name.clone(), t.command)).collect();
    let want = [("a", "pacman -S it's"), ("b", ""), ("c", ""), ("d", "")];
    assert_eq!(got, want.map(|(name, command)| (name.to_owned(), command.to_owned())));
}

#[test]
fn a_command_that_met_the_lock_does_not_end_the_transaction_it_met() {
    let log = "[2021-03-01T12:00:00+0000] [PACMAN] Running 'pacman -Syu'\n\
               [2021-03-01T12:00:01+0000] [ALPM] transaction started\n\
               [2021-03-01T12:00:02+0000] [ALPM] upgraded a (1-1 -> 2-1)\n\
               [2021-03-01T12:00:02+0000] [PACMAN] Running 'pacman -Sy'\n\
               [2021-03-01T12:00:02+0000] [PACMAN] synchronizing package lists\n\
               [2021-03-01T12:00:02+0000] [ALPM] upgraded b (1-1 -> 2-1)\n\
               [2021-03-01T12:00:03+0000] [ALPM] transaction completed\n\
               [2021-03-01T12:00:04+0000] [ALPM] transaction started\n\
               [2021-03-01T12:00:04+0000] [ALPM] removed a (2-1)\n\
               [2021-03-01T12:00:04+0000] [ALPM] transaction completed\n";
    let want = ["pacman -Syu @1614600001+2 : upgrade a 1-1>2-1 upgrade b 1-1>2-1", " @1614600004+0 : remove a 2-1>"];
    assert_eq!(told(log), want);
}

#[test]
fn a_transaction_cut_short_has_no_end_and_the_next_has_its_own_command() {
    let log = "[2021-03-01T12:00:00+0000] [PACMAN] Running 'pacman -Syu'\n\
               [2021-03-01T12:00:01+0000] [ALPM] transaction started\n\
               [2021-03-01T12:00:02+0000] [ALPM] upgraded a (1-1 -> 2-1)\n\
               \0\0\0\0\0[2021-03-01T13:00:00+0000] [PACMAN] Running 'pacman -S b'\n\
               [2021-03-01T13:00:01+0000] [ALPM] transaction started\n\
               [2021-03-01T13:00:02+0000] [ALPM] installed b (1-1)\n\
               [2021-03-01T13:00:02+0000] [ALPM] transaction completed\n";
    let want = ["pacman -Syu @1614600001+? : upgrade a 1-1>2-1", "pacman -S b @1614603601+1 : install b >1-1"];
    assert_eq!(told(log), want);
}

/// pacman 4.1: the command is there, the start is not, and the front end writes the entries.
const OF_2013: &str = "\
[2013-04-10 18:00] [PACMAN] Running 'pacman -Syu'
[2013-04-10 18:00] [PACMAN] synchronizing package lists
[2013-04-10 18:00] [PACMAN] starting full system upgrade
[2013-04-10 18:09] [PACMAN] removed heimdal (1-1)
[2013-04-10 18:10] [PACMAN] upgraded linux (3.8.6-1 -> 3.8.7-1)
[2013-04-10 18:22] [ALPM-SCRIPTLET] ==> Building image
[2013-04-10 18:34] [PACMAN] upgraded pacman (4.0.3-7 -> 4.1.0-2)
[2013-04-10 18:35] [PACMAN] Running 'pacman -R linux'
[2013-04-10 18:35] [PACMAN] removed linux (3.8.7-1)
[2013-04-10 19:35] [PACMAN] installed late (1-1)
[2013-04-10 19:35] [PACMAN] Running 'pacman -Sy'
";

#[test]
fn transactions_of_2013_are_told_apart_by_their_commands() {
    let want = [
        "pacman -Syu @1365610140+? : remove heimdal 1-1> upgrade linux 3.8.6-1>3.8.7-1 upgrade pacman 4.0.3-7>4.1.0-2",
        "pacman -R linux @1365611700+? : remove linux 3.8.7-1>",
        " @1365615300+? : install late >1-1",
    ];
    assert_eq!(told(OF_2013), want);
}

const OF_2007: &str = "\
[03/25/07 12:00] synchronizing package lists
[03/25/07 12:01] starting full system upgrade
[03/25/07 12:05] removed x (1-1)
[03/25/07 12:05] upgraded kernel26 (2.6.20-1 -> 2.6.20-2)
[03/25/07 12:07] updating module dependencies
[03/25/07 12:09] upgraded udev (104-1 -> 103-1)
[2008-03-25 12:00] installed a (1-1)
[2008-03-25 12:00] removed b (1-1)
[2008-03-25 12:01] removed c (1-1)
[2008-03-25 12:01] upgraded d (1-1 -> 1-1)
[2008-03-25 12:01] upgraded d (1-1 -> 2-1)
[2008-03-25 12:02] synchronizing package lists
[2008-03-25 12:02] installed e (1-1)
[2008-03-25 12:05] installed f (1-1)
";

#[test]
fn transactions_of_2007_are_told_apart_by_order_repetition_and_time() {
    let want = [
        " @1174817100+? : remove x 1-1> upgrade kernel26 2.6.20-1>2.6.20-2 downgrade udev 104-1>103-1",
        " @1206442800+? : install a >1-1",
        " @1206442800+? : remove b 1-1> remove c 1-1> reinstall d 1-1>1-1",
        " @1206442860+? : upgrade d 1-1>2-1",
        " @1206442920+? : install e >1-1",
    ];
    assert_eq!(told(OF_2007), want);
    let last = OF_2007.find("[2008-03-25 12:05]").unwrap();
    assert_eq!(read_all(OF_2007.as_bytes()).1, last, "the last may go on");
}

#[test]
fn a_transaction_while_clocks_go_back_is_one_and_a_clock_without_battery_begins_another() {
    let log = "[2010-10-31 02:59] installed a (1-1)\n[2010-10-31 02:00] installed b (1-1)\n\
               [1970-01-01 00:01] installed c (1-1)\n[2010-10-31 02:02] synchronizing package lists\n";
    assert_eq!(told(log), [" @1288486740+? : install a >1-1 install b >1-1", " @-3540+? : install c >1-1"]);
}

#[test]
fn what_has_not_ended_is_read_again_from_its_command() {
    let one = MODERN.lines().take(8).map(|line| format!("{line}\n")).collect::<String>();
    assert_eq!(read_all(one.as_bytes()), (Vec::new(), 0));
    let two = format!("{MODERN}{one}");
    assert_eq!(read_all(two.as_bytes()).1, MODERN.len());
    let torn = format!("{MODERN}[2021-03-01T12:10:08+0100] [ALPM] trans");
    assert_eq!(read_all(torn.as_bytes()).1, MODERN.len());
}

#[test]
fn torn_and_strange_lines_are_passed_over() {
    let mut log = MODERN.as_bytes().to_vec();
    let at = MODERN.find("[2021-03-01T12:10:02+0100] [ALPM] upgraded").unwrap();
    let strange: [&[u8]; 20] = [
        b"",
        b"[",
        b"]",
        b"[]",
        b"[] ",
        b"[2021-03-01T12:10:02+0100]",
        b"[2021-03-01T12:10:02+0100] ",
        b"[2021-03-01T12:10:02+0100] [",
        b"[2021-03-01T12:10:02+0100] [ALPM",
        b"[2021-03-01T12:10:02+0100] [ALPM] ",
        b"[2021-03-01T12:10:02+0100] [ALPM] installed",
        b"[2021-03-01T12:10:02+0100] [ALPM] installed  (1-1)",
        b"[2021-03-01T12:10:02+0100] [ALPM] installed x ()",
        b"[2021-03-01T12:10:02+0100] [ALPM] installed x y (1-1)",
        b"[2021-03-01T12:10:02+0100] [ALPM] upgraded x (1-1 -> )",
        b"[2021-03-01T12:10:02+0100] [ALPM] upgraded x (-> 1-1)",
        b"[2021-03-01T12:10:02+0100] [ALPM] removed x (1-1 -> 1-2)",
        b"[2021-03-01T12:10:02+0100] [ALPM] upgraded \xff\xfe (1-1 -> 1-2)",
        b"[2021-03-01T12:10:02+0100] [ALPM] installed \x1b[31m (1-1)",
        b"[2021-03-01T12:10:02+0100] [ALPM] upgr[2021-03-01T12:10:02+0100] [ALPM] transaction completed",
    ];
    let endless = [b"[2021-03-01T12:10:02+0100] [ALPM] installed ", &[b'x'; MAX_LINE_BYTES][..], b" (1-1)"].concat();
    for line in strange.into_iter().chain([&endless[..]]) {
        log.splice(at..at, [line, b"\n"].concat());
    }
    let (all, done) = read_all(&log);
    assert_eq!((all.iter().map(show).collect::<Vec<_>>(), done), (vec![MODERN_TOLD.to_owned()], log.len()));
}

#[test]
fn an_endless_command_is_kept_in_part_and_one_that_is_not_utf8_with_marks() {
    let long = format!("[2021-03-01T12:00:00+0100] [PACMAN] Running '{}'\n", "x".repeat(2 * MAX_LINE_BYTES));
    let rest = &MODERN[MODERN.find('\n').unwrap() + 1..];
    let all = read_all(format!("{long}{rest}").as_bytes()).0;
    assert!(all[0].command.len() < MAX_LINE_BYTES && all[0].command.ends_with("xx"));
    let bytes = [b"[2021-03-01T12:00:00+0100] [PACMAN] Running 'pacman -U /\xe9'\n", rest.as_bytes()].concat();
    assert_eq!(read_all(&bytes).0[0].command, "pacman -U /\u{fffd}");
}

/// Every kind of log there was, one after the other, and then a transaction that ends all guessing.
fn all_kinds() -> String {
    format!(
        "{OF_2007}{OF_2013}{}{MODERN}",
        "[2020-01-01T00:00:00+0000] [PACMAN] Running 'pacman -S cut'\n\
         [2020-01-01T00:00:00+0000] [ALPM] transaction started\n\
         [2020-01-01T00:00:00+0000] [ALPM] installed cut (1-1)\n\
         [2020-01-01T00:01:00+0000] [PACMAN] Running 'pacman -S whole'\n\
         [2020-01-01T00:01:00+0000] [ALPM] transaction started\n\
         [2020-01-01T00:01:00+0000] [ALPM] installed whole (1-1)\n\
         [2020-01-01T00:01:00+0000] [PACMAN] Running 'pacman -S locked'\n\
         [2020-01-01T00:01:00+0000] [ALPM] error: it broke\n\
         [2020-01-01T00:01:00+0000] [ALPM] transaction failed\n\
         [2020-02-01T00:01:00+0000] [ALPM] transaction started\n\
         [2020-02-01T00:01:00+0000] [ALPM] installed pamac (1-1)\n\
         [2020-02-01T00:01:00+0000] [ALPM] transaction completed\n\
         [2020-03-01T00:01:00+0000] [PACMAN] Running 'pacman -Sy'\n\
         [2020-03-01T00:01:00+0000] [PAMAC] hello\n"
    )
}

#[test]
fn cut_at_every_byte_and_read_in_two_it_is_the_same() {
    let log = all_kinds();
    let log = log.as_bytes();
    let (whole, done) = read_all(log);
    assert_eq!((whole.len(), done), (13, log.len()));
    for cut in 0..=log.len() {
        let (mut first, rest) = read_all(&log[..cut]);
        assert!(rest <= cut);
        first.extend(read_all(&log[rest..]).0);
        assert_eq!(first, whole, "cut at {cut}");
    }
}

#[test]
fn read_byte_by_byte_it_is_the_same() {
    let log = all_kinds();
    let (mut all, mut from) = (Vec::new(), 0);
    for end in 0..=log.len() {
        from += read(&log.as_bytes()[from..end], &zone(), &mut |transaction| all.push(transaction));
    }
    assert_eq!((all, from), read_all(log.as_bytes()));
}

#[test]
fn bent_logs_never_panic_and_cut_the_same() {
    let log = all_kinds();
    let middle = log.len() / 2;
    for bit in 0..log.len() * 8 {
        let mut bent = log.as_bytes().to_vec();
        bent[bit / 8] ^= 1 << (bit % 8);
        let (whole, done) = read_all(&bent);
        assert!(done <= bent.len());
        let (mut first, rest) = read_all(&bent[..middle]);
        first.extend(read_all(&bent[rest..]).0);
        assert_eq!(first, whole, "bit {bit}");
    }
}

#[test]
fn the_configuration_says_where_the_log_lies() {
    let (base, root) = (Path::new("/base"), Path::new("/root"));
    let told = |text| path(&Conf::parse(text, base), base, root);
    assert_eq!(told("[options]\nLogFile = /x/p.log\nLogFile = /y\n"), Path::new("/base/x/p.log"));
    assert_eq!(told("[options]\n"), Path::new("/root/var/log/pacman.log"));
}

/// A root of its own for the real pacman, with a clock east of Greenwich.
struct Oracle {
    folder: tempfile::TempDir,
    done: Vec<String>,
}

impl Oracle {
    fn new(test: &str) -> Option<Oracle> {
        if Command::new("pacman").arg("-V").output().is_err() || !rustix::process::geteuid().is_root() {
            println!("skipped {test}: no pacman, or not root");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        for inside in ["root", "db", "cache", "repository"] {
            fs::create_dir(folder.path().join(inside)).unwrap();
        }
        let oracle = Oracle { folder, done: Vec::new() };
        let repository = oracle.path("repository");
        let conf = format!(
            "[options]\nArchitecture = x86_64\nSigLevel = Never\nLogFile = {}\n[own]\nServer = file://{}\n",
            oracle.path("pacman.log").display(),
            repository.display()
        );
        fs::write(oracle.path("pacman.conf"), conf).unwrap();
        Some(oracle)
    }

    fn path(&self, inside: &str) -> PathBuf {
        self.folder.path().join(inside)
    }

    /// A package with one file, as makepkg would make it.
    fn package(&self, name: &str, version: &str, depends: &str, file: &str) -> String {
        let mut archive = tar::Builder::new(Vec::new());
        let info = format!(
            "pkgname = {name}\npkgbase = {name}\npkgver = {version}\npkgdesc = a package\nsize = 1\narch = any\n{depends}"
        );
        for (path, text) in [(".PKGINFO", info.as_str()), (file, version)] {
            let mut header = tar::Header::new_gnu();
            header.set_size(text.len() as u64);
            header.set_mode(0o644);
            archive.append_data(&mut header, path, text.as_bytes()).unwrap();
        }
        let path = self.path("repository").join(format!("{name}-{version}-any.pkg.tar"));
        fs::write(&path, archive.into_inner().unwrap()).unwrap();
        path.into_os_string().into_string().unwrap()
    }

    /// The sync database of the repository.
    fn offer(&self, name: &str, version: &str) {
        let file = format!("{name}-{version}-any.pkg.tar");
        let size = fs::metadata(self.path("repository").join(&file)).unwrap().len();
        let text = format!(
            "%FILENAME%\n{file}\n\n%NAME%\n{name}\n\n%VERSION%\n{version}\n\n%CSIZE%\n{size}\n\n%ARCH%\nany\n\n"
        );
        let mut archive = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, format!("{name}-{version}/desc"), text.as_bytes()).unwrap();
        fs::write(self.path("repository/own.db"), archive.into_inner().unwrap()).unwrap();
    }

    /// Runs pacman and notes what its log should tell.
    fn run(&mut self, args: &[&str], succeeds: bool, failure: &str, changes: &str) {
        let mut command = Command::new("pacman");
        for (option, inside) in
            [("--config", "pacman.conf"), ("--root", "root"), ("--dbpath", "db"), ("--cachedir", "cache")]
        {
            command.arg(option).arg(self.path(inside));
        }
        command.args(["--hookdir", "/nonexistent", "--noconfirm"]).args(args);
        command.env("LC_ALL", "C").env("TZ", "OWN-5:30").stdin(Stdio::null());
        let output = command.output().unwrap();
        assert_eq!(output.status.success(), succeeds, "{args:?}: {output:?}");
        if !changes.is_empty() {
            let words = command.get_args().map(|word| word.to_str().unwrap()).collect::<Vec<_>>().join(" ");
            self.done.push(format!("pacman {words} {failure}:{changes}"));
        }
    }
}

#[test]
fn what_the_real_pacman_did_is_what_its_log_tells() {
    let Some(mut oracle) = Oracle::new("what_the_real_pacman_did_is_what_its_log_tells") else { return };
    let seconds = || std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() as i64;
    let one = oracle.package("one", "1.0-1", "", "usr/share/one");
    let one_later = oracle.package("one", "1:0.1-1", "", "usr/share/one");
    let two = oracle.package("two", "1-1", "depend = one\n", "usr/share/two");
    let before = seconds();
    oracle.run(&["-U", &one, &two], true, "", " install one >1.0-1 install two >1-1");
    oracle.run(&["-U", &one_later], true, "", " upgrade one 1.0-1>1:0.1-1");
    oracle.run(&["-U", &one, &two], true, "", " downgrade one 1:0.1-1>1.0-1 reinstall two 1-1>1-1");
    oracle.run(&["-R", "one"], false, "", "");
    oracle.offer("one", "1:0.1-1");
    oracle.run(&["-Sy"], true, "", "");
    oracle.run(&["-Syu"], true, "", " upgrade one 1.0-1>1:0.1-1");
    oracle.run(&["-S", "one"], true, "", " reinstall one 1:0.1-1>1:0.1-1");
    let replacing = oracle.package("three", "3-1", "conflict = two\ndepend = one\n", "usr/share/three");
    oracle.run(&["-U", "--ask", "4", &replacing], true, "", " remove two 1-1> install three >3-1");
    // The second one's folder in the local database cannot be made.
    let four = oracle.package("four", "4-1", "", "usr/share/four");
    let five = oracle.package("five", "5-1", "depend = four\n", "usr/share/five");
    fs::write(oracle.path("db/local/five-5-1"), "").unwrap();
    let why = "could not create database entry five-5-1";
    oracle.run(&["-U", &five, &four], false, why, " install four >4-1");
    oracle.run(&["-Rs", "three", "one"], true, "", " remove three 3-1> remove one 1:0.1-1>");
    let after = seconds();

    let log = fs::read(oracle.path("pacman.log")).unwrap();
    // The log has offsets: this zone must not matter.
    let (all, done) = read_all(&log);
    let got: Vec<_> = all
        .iter()
        .map(|transaction| {
            let ended = transaction.ended.expect("each one ended");
            assert!(before <= transaction.started && transaction.started <= ended && ended <= after);
            let stamps = format!("@{}+{} ", transaction.started, ended - transaction.started);
            show(transaction).replacen(&stamps, "", 1)
        })
        .collect();
    assert_eq!(got, oracle.done, "{}", String::from_utf8_lossy(&log));
    assert_eq!(done, log.len());
}
