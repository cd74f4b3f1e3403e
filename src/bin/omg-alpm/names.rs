//! Names in archives that lead out of the root. libalpm unpacks `usr/../../x` where that leads to, so whoever signs a package could write
//! outside of a root that is only being made. It does not find what goes through a symbolic link: that libalpm refuses itself.

#![allow(unsafe_code, reason = "within a commit the crate lends nothing")]

use std::ffi::{CStr, c_char, c_int, c_void};
use std::path::{Component, Path};

#[repr(C)]
struct List {
    data: *mut c_void,
    _previous: *mut List,
    next: *mut List,
}

#[repr(C)]
struct Files {
    count: usize,
    files: *mut File,
}

#[repr(C)]
struct File {
    name: *mut c_char,
    _size: libc::off_t,
    mode: libc::mode_t,
}

unsafe extern "C" {
    fn alpm_trans_get_add(handle: *mut c_void) -> *mut List;
    fn alpm_pkg_get_files(package: *mut c_void) -> *mut Files;
    fn alpm_pkg_get_name(package: *mut c_void) -> *const c_char;
    fn alpm_trans_interrupt(handle: *mut c_void) -> c_int;
}

/// Stops the transaction that is about to begin where an archive has such a name, and says which. To be called when the library tells
/// that it begins: then it knows the files, and has changed none.
pub fn stop_hostile(handle: *mut c_void) -> Option<String> {
    // SAFETY: the handle is that of the transaction whose callback runs, on this thread. The lists are the library's, laid out as in
    // alpm.h and alpm_list.h of both versions, and nothing changes them while the callback runs.
    unsafe {
        let mut entry = alpm_trans_get_add(handle);
        while let Some(List { data: package, next, .. }) = entry.as_ref() {
            let files = alpm_pkg_get_files(*package).as_ref().filter(|files| files.count > 0 && !files.files.is_null());
            let files = files.map_or(&[][..], |files| std::slice::from_raw_parts(files.files, files.count));
            for file in files {
                let name = CStr::from_ptr(file.name).to_string_lossy();
                if is_hostile(&name, file.mode) {
                    alpm_trans_interrupt(handle);
                    let package = CStr::from_ptr(alpm_pkg_get_name(*package)).to_string_lossy();
                    return Some(format!("the archive of {package} holds {name:?}, which no package may hold"));
                }
            }
            entry = *next;
        }
    }
    None
}

/// Devices, pipes and sockets are of no package either. A mode of 0 is one that the library does not know.
fn is_hostile(name: &str, mode: libc::mode_t) -> bool {
    let kind = mode & libc::S_IFMT;
    let is_plain = [0, libc::S_IFREG, libc::S_IFDIR, libc::S_IFLNK].contains(&kind);
    let leads_out = |part| matches!(part, Component::ParentDir | Component::RootDir);
    !is_plain || Path::new(name).components().any(leads_out)
}

#[cfg(test)]
mod tests {
    use super::is_hostile;

    #[test]
    fn names_that_lead_out() {
        for name in ["../x", "usr/../../x", "/x", "usr/..", "a/../b"] {
            assert!(is_hostile(name, libc::S_IFREG), "{name}");
        }
        for name in ["usr/", "usr/..x", "usr/x..", "etc/.x", "a..b/c"] {
            assert!(!is_hostile(name, libc::S_IFREG) && !is_hostile(name, 0), "{name}");
        }
        assert!(is_hostile("x", libc::S_IFBLK) && is_hostile("x", libc::S_IFIFO));
    }
}
