//! What needs `unsafe`: system calls that no safe crate has, and the closure between fork and exec. Whoever calls what has
//! conditions says there why they hold.
//!
//! After the first fork there is one thread, and what other threads held stays locked for ever: so nothing in this
//! folder that runs there allocates, and processes are made by the bare system call, which runs no handlers.
#![allow(unsafe_code)]

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd};
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use rustix::io::Errno;
use rustix::process::Pid;

/// Lets the child run `enter` before it becomes the program.
///
/// # Safety
/// `enter` allocates nothing and takes no lock, see above.
pub(super) unsafe fn before_exec(
    command: &mut Command,
    enter: impl FnMut() -> io::Result<()> + Send + Sync + 'static,
) {
    // SAFETY: that is who calls it.
    unsafe { command.pre_exec(enter) };
}

/// Makes a child with these `CLONE_NEW…` flags. Gives its number, and in the child `None`.
///
/// # Safety
/// The process has one thread.
pub(super) unsafe fn fork(flags: libc::c_int) -> Result<Option<Pid>, Errno> {
    let flags = libc::c_long::from(flags | libc::SIGCHLD);
    // SAFETY: without a stack and without sharing memory it is a fork. Five numbers are read.
    let made = unsafe { libc::syscall(libc::SYS_clone, flags, 0_usize, 0_usize, 0_usize, 0_usize) };
    match i32::try_from(made) {
        Ok(-1) | Err(_) => Err(last_error()),
        Ok(number) => Ok(Pid::from_raw(number)),
    }
}

/// Ends this process at once: no destructor, no handler.
pub(super) fn exit(code: i32) -> ! {
    // SAFETY: it has no conditions.
    unsafe { libc::_exit(code) }
}

/// The end of any child: its number, its raw status and the CPU seconds of all children that were waited for.
pub(super) fn wait_any() -> Result<(i32, i32, i64), Errno> {
    let mut status = 0;
    // SAFETY: the number is written to where it is kept.
    let pid = unsafe { libc::waitpid(-1, &raw mut status, 0) };
    if pid < 0 {
        return Err(last_error());
    }
    // SAFETY: all bytes zero are a valid `rusage`.
    let mut used: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: it is written to where it is kept.
    unsafe { libc::getrusage(libc::RUSAGE_CHILDREN, &raw mut used) };
    let micros = used.ru_utime.tv_usec + used.ru_stime.tv_usec;
    Ok((pid, status, used.ru_utime.tv_sec + used.ru_stime.tv_sec + micros / 1_000_000))
}

/// Makes a tree of mounts, or with an empty flag one mount, read-only and without set-user-id programs.
pub(super) fn read_only(
    tree: BorrowedFd<'_>,
    path: &CStr,
    devices: bool,
    recursive: bool,
) -> Result<(), Errno> {
    let mut attributes = libc::MOUNT_ATTR_RDONLY | libc::MOUNT_ATTR_NOSUID;
    if !devices {
        attributes |= libc::MOUNT_ATTR_NODEV;
    }
    let change = libc::mount_attr { attr_set: attributes, attr_clr: 0, propagation: 0, userns_fd: 0 };
    let flags = libc::AT_EMPTY_PATH | if recursive { libc::AT_RECURSIVE } else { 0 };
    // SAFETY: the path ends with a zero byte, the attributes have the size that is said.
    let done = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            tree.as_raw_fd(),
            path.as_ptr(),
            flags,
            &raw const change,
            size_of::<libc::mount_attr>(),
        )
    };
    if done == 0 { Ok(()) } else { Err(last_error()) }
}

/// Closes every file but these.
///
/// # Safety
/// The process uses no other file any more, and ends by [`exit`] or by becoming another program, which drop nothing.
pub(super) unsafe fn close_all_but<const N: usize>(keep: [BorrowedFd<'_>; N]) {
    let mut numbers = keep.map(|fd| fd.as_raw_fd().unsigned_abs());
    numbers.sort_unstable();
    let mut from = 0;
    for number in numbers {
        if number > from {
            // SAFETY: who calls this says so.
            unsafe { close_range(from, number - 1, 0) };
        }
        from = number + 1;
    }
    // SAFETY: who calls this says so.
    unsafe { close_range(from, u32::MAX, 0) };
}

/// Lets every file but the first three be closed when the program begins.
pub(super) fn close_on_exec() -> Result<(), Errno> {
    // SAFETY: nothing is closed here.
    let done = unsafe { close_range(3, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) };
    if done == 0 { Ok(()) } else { Err(last_error()) }
}

/// # Safety
/// As of [`close_all_but`], if the flags do not put it off.
unsafe fn close_range(first: u32, last: u32, flags: u32) -> libc::c_long {
    // SAFETY: three numbers are read; for the files stands who calls it.
    unsafe { libc::syscall(libc::SYS_close_range, first, last, flags) }
}

fn last_error() -> Errno {
    Errno::from_io_error(&io::Error::last_os_error()).unwrap_or(Errno::INVAL)
}
