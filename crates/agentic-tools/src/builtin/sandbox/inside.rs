//! What happens between fork and exec: the keeper, the first process of the sandbox, the program. Nothing here
//! allocates.

use std::fmt::Write as _;
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{
    DumpableBehavior, Pid, PidfdFlags, Resource, Rlimit, Signal, pidfd_open, pidfd_send_signal,
    set_dumpable_behavior, set_parent_process_death_signal, setrlimit,
};
use rustix::thread::{CapabilitySet, CapabilitySets};
use rustix::time::{ClockId, clock_gettime};

use super::super::run_code::CodeLimits;
use super::landlock::Landlock;
use super::layout::Layout;
use super::memory::{self, Text};
use super::seccomp::Filters;
use super::step::{At as _, Failed, Step};
use super::{Ended, Stopped, raw};

/// Nobody, by the number that is nobody's everywhere.
const NOBODY: u32 = 65534;
const NAMESPACES: libc::c_int = libc::CLONE_NEWUSER
    | libc::CLONE_NEWNS
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWCGROUP;
/// How often the keeper looks at the memory.
const LOOK: Duration = Duration::from_millis(20);
/// Open files of a process.
const FILES: u64 = 128;

/// Everything that is needed on the way in.
#[derive(Debug)]
pub(super) struct Inside {
    pub(super) layout: Layout,
    /// Empty, with room for all.
    pub(super) trees: Vec<OwnedFd>,
    pub(super) limits: Vec<(Resource, u64, u64)>,
    pub(super) wall: Duration,
    pub(super) memory: u64,
    pub(super) filters: Arc<Filters>,
    pub(super) landlock: Option<Landlock>,
    pub(super) lifeline: OwnedFd,
    pub(super) report: OwnedFd,
}

/// The kernel's limits: what, when it is felt, and where it ends.
pub(super) fn resources(limits: &CodeLimits) -> Vec<(Resource, u64, u64)> {
    let cpu = limits.cpu.as_secs().max(1);
    let same = |resource, limit| (resource, limit, limit);
    vec![
        (Resource::Cpu, cpu, cpu + 1),
        same(Resource::Data, limits.memory),
        // Addresses cost nothing, but shared memory is counted here alone.
        same(Resource::As, limits.memory.saturating_mul(4).saturating_add(1 << 30)),
        same(Resource::Fsize, limits.files),
        // The first process of the sandbox is one too.
        same(Resource::Nproc, u64::from(limits.processes) + 1),
        same(Resource::Nofile, FILES),
        same(Resource::Stack, 8 << 20),
        same(Resource::Core, 0),
        same(Resource::Memlock, 0),
        same(Resource::Msgqueue, 0),
        same(Resource::Rtprio, 0),
        same(Resource::Nice, 0),
    ]
}

impl Inside {
    /// Goes in. Returns in the process that becomes the program; the keeper and the first process stay here.
    #[allow(unsafe_code)]
    pub(super) fn enter(&mut self) -> Result<(), Failed> {
        let pipe = || pipe_with(PipeFlags::CLOEXEC).at(Step::Pipe);
        let ((go, goes), (starting, starts)) = (pipe()?, pipe()?);
        let keeper = pidfd_open(rustix::process::getpid(), PidfdFlags::empty()).at(Step::Watch)?;
        // In there nobody is known as root any more.
        let is_root = rustix::process::geteuid().is_root();
        // SAFETY: after the fork that led here there is one thread.
        let forked = unsafe { raw::fork(NAMESPACES) };
        match forked.at(Step::Namespaces)? {
            Some(first) => {
                // Else the first process would wait for itself.
                drop((go, starts));
                self.keep(first, is_root, &goes, &starting)
            }
            None => {
                drop((goes, starting));
                self.begin(is_root, &go, &keeper)
            }
        }
    }

    /// The keeper: says who the first process is, and watches it until it ends. Returns only if that can't be done.
    #[allow(unsafe_code)]
    fn keep(&self, first: Pid, is_root: bool, goes: &OwnedFd, starting: &OwnedFd) -> Result<(), Failed> {
        let watched = pidfd_open(first, PidfdFlags::empty()).at(Step::Watch)?;
        memory::exceeds(first.as_raw_pid(), u64::MAX).at(Step::Watch)?;
        identify(first, is_root).at(Step::Identity)?;
        let keep =
            [self.lifeline.as_fd(), self.report.as_fd(), goes.as_fd(), starting.as_fd(), watched.as_fd()];
        // SAFETY: the keeper uses these, and ends by `exit`.
        unsafe { raw::close_all_but(keep) };
        let _ = rustix::io::write(goes, b"g");
        if let Some(stopped) = self.watch(first, &watched, starting) {
            self.tell(stopped, 0);
        }
        // It may be gone already. When it is reaped, everything in the sandbox is.
        let _ = pidfd_send_signal(&watched, Signal::KILL);
        let _ = raw::wait_any();
        raw::exit(0)
    }

    /// Watches until the first process ends, nobody wants it any more (`None`), or a limit is reached.
    fn watch(&self, first: Pid, watched: &OwnedFd, starting: &OwnedFd) -> Option<u8> {
        let mut deadline: Option<Duration> = None;
        loop {
            let timeout = match deadline {
                Some(deadline) => deadline.saturating_sub(now()).min(LOOK),
                None => LOOK,
            };
            let timeout = Timespec::try_from(timeout).unwrap_or(Timespec { tv_sec: 0, tv_nsec: 0 });
            let mut polled = [
                PollFd::new(watched, PollFlags::IN),
                PollFd::new(&self.lifeline, PollFlags::empty()),
                PollFd::new(starting, PollFlags::empty()),
            ];
            // Once the program has begun that is no news.
            let polled = if deadline.is_some() { &mut polled[..2] } else { &mut polled[..] };
            let _ = poll(polled, Some(&timeout));
            if !polled[0].revents().is_empty() || !polled[1].revents().is_empty() {
                return None;
            }
            match deadline {
                None if polled[2].revents().is_empty() => {}
                None => deadline = Some(now().saturating_add(self.wall)),
                Some(deadline) if now() >= deadline => return Some(TIME),
                Some(_) if memory::exceeds(first.as_raw_pid(), self.memory) == Ok(true) => {
                    return Some(MEMORY);
                }
                Some(_) => {}
            }
        }
    }

    /// The first process: makes the sandbox and starts the program in it. Returns in the program.
    #[allow(unsafe_code)]
    fn begin(&mut self, is_root: bool, go: &OwnedFd, keeper: &OwnedFd) -> Result<(), Failed> {
        // Without the keeper's word there is nobody to tell either.
        if rustix::io::read(go, &mut [0; 1]) != Ok(1) {
            raw::exit(1);
        }
        rustix::process::setsid().at(Step::Process)?;
        rustix::process::umask(Mode::WGRP | Mode::WOTH);
        // As who we are outside: Python may lie where nobody else can look.
        self.layout.open(&mut self.trees)?;
        become_nobody(is_root).at(Step::Identity)?;
        die_with(keeper).at(Step::Process)?;
        rustix::system::sethostname(b"sandbox").at(Step::Root)?;
        self.layout.enter(&self.trees)?;
        // SAFETY: this process was forked, and has one thread.
        let forked = unsafe { raw::fork(0) };
        match forked.at(Step::Process)? {
            Some(program) => self.reap(program),
            None => self.become_program(),
        }
    }

    /// Waits for the program and for what others leave behind, and tells how the program ended.
    #[allow(unsafe_code)]
    fn reap(&self, program: Pid) -> ! {
        // SAFETY: the first process uses no other file from here on, and ends by `exit`.
        unsafe { raw::close_all_but([self.report.as_fd()]) };
        loop {
            match raw::wait_any() {
                Ok((pid, status, seconds)) if pid == program.as_raw_pid() => {
                    let what = if self.is_over_cpu(status, seconds) { CPU } else { ENDED };
                    self.tell(what, status);
                    raw::exit(0)
                }
                Ok(_) | Err(Errno::INTR) => {}
                Err(_) => raw::exit(1),
            }
        }
    }

    /// Whether a program was killed for its processor time: asked to end at the limit, killed a second later.
    fn is_over_cpu(&self, status: i32, seconds: i64) -> bool {
        let cpu = self.limits.iter().find(|(resource, ..)| *resource == Resource::Cpu);
        let is_over =
            cpu.is_some_and(|(_, limit, _)| u64::try_from(seconds).is_ok_and(|used| used >= *limit));
        let signal = if libc::WIFSIGNALED(status) { libc::WTERMSIG(status) } else { 0 };
        signal == libc::SIGXCPU || (signal == libc::SIGKILL && is_over)
    }

    fn become_program(&mut self) -> Result<(), Failed> {
        for (resource, felt, end) in &self.limits {
            setrlimit(*resource, Rlimit { current: Some(*felt), maximum: Some(*end) }).at(Step::Limits)?;
        }
        give_up_capabilities().at(Step::Capabilities)?;
        rustix::thread::set_no_new_privs(true).at(Step::Capabilities)?;
        if let Some(landlock) = self.landlock.take() {
            landlock.enforce()?;
        }
        raw::close_on_exec().at(Step::Process)?;
        self.filters.enforce()
    }

    fn tell(&self, what: u8, status: i32) {
        let [a, b, c, d] = status.to_le_bytes();
        let _ = rustix::io::write(&self.report, &[what, a, b, c, d]);
    }
}

/// Says who the processes of the namespace are outside: nobody, if we are root, else ourselves.
fn identify(first: Pid, is_root: bool) -> Result<(), Errno> {
    let (user, group) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    let write = |file: &str, text: &[u8]| {
        let mut path = Text::new();
        let _ = write!(path, "/proc/{}/{file}", first.as_raw_pid());
        let file = rustix::fs::open(path.as_c_str(), OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())?;
        rustix::io::write(&file, text).map(|_| ())
    };
    let map = |file, outside| {
        let mut line = Text::new();
        let _ = write!(line, "{NOBODY} {outside} 1");
        write(file, line.as_bytes())
    };
    if !is_root {
        write("setgroups", b"deny")?;
    }
    map("gid_map", if is_root { NOBODY } else { group })?;
    map("uid_map", if is_root { NOBODY } else { user })
}

fn become_nobody(is_root: bool) -> Result<(), Errno> {
    use rustix::process::{Gid, Uid};
    use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};
    let (user, group) = (Uid::from_raw(NOBODY), Gid::from_raw(NOBODY));
    // Others may not; their groups are known to nobody in here.
    if is_root {
        set_thread_groups(&[])?;
    }
    set_thread_res_gid(group, group, group)?;
    set_thread_res_uid(user, user, user)?;
    // It is a copy of the process outside, with all that is in its memory.
    set_dumpable_behavior(DumpableBehavior::NotDumpable)
}

/// Lets this process be killed when the keeper ends, which may have happened already.
fn die_with(keeper: &OwnedFd) -> Result<(), Errno> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    let mut polled = [PollFd::new(keeper, PollFlags::IN)];
    match poll(&mut polled, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }))? {
        0 => Ok(()),
        _ => raw::exit(1),
    }
}

fn give_up_capabilities() -> Result<(), Errno> {
    for number in 0..64 {
        match rustix::thread::remove_capability_from_bounding_set(CapabilitySet::from_bits_retain(
            1 << number,
        )) {
            // The kernel has no more.
            Err(Errno::INVAL) => break,
            done => done?,
        }
    }
    rustix::thread::clear_ambient_capability_set()?;
    let none = CapabilitySet::empty();
    rustix::thread::set_capabilities(
        None,
        CapabilitySets { effective: none, permitted: none, inheritable: none },
    )
}

fn now() -> Duration {
    Duration::try_from(clock_gettime(ClockId::Monotonic)).unwrap_or_default()
}

// What a report begins with; then come the four bytes of a status.
const ENDED: u8 = b'E';
const CPU: u8 = b'C';
const TIME: u8 = b'T';
const MEMORY: u8 = b'M';

/// What the reports of a sandbox say. The program's end, if it came first, is what counts.
pub(super) fn ended(reports: &[u8]) -> Ended {
    let reports = reports.as_chunks::<5>().0;
    let status = |what: u8| {
        let report = reports.iter().find(|[tag, ..]| *tag == what);
        report.map(|[_, a, b, c, d]| i32::from_le_bytes([*a, *b, *c, *d]))
    };
    let is_there = |what| status(what).is_some();
    if let Some(status) = status(ENDED) {
        let is_exit = libc::WIFEXITED(status);
        return Ended {
            code: is_exit.then(|| libc::WEXITSTATUS(status)),
            signal: (!is_exit).then(|| libc::WTERMSIG(status)),
            stopped: None,
        };
    }
    let limits = [(CPU, Stopped::Cpu), (TIME, Stopped::Time), (MEMORY, Stopped::Memory)];
    Ended {
        stopped: limits.into_iter().find(|(tag, _)| is_there(*tag)).map(|(_, stopped)| stopped),
        ..Ended::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_the_program_counts_before_a_limit() {
        let exit_3 = [ENDED, 0, 3, 0, 0];
        let code = |code| Ended { code: Some(code), ..Ended::default() };
        let stopped = |stopped| Ended { stopped: Some(stopped), ..Ended::default() };
        assert_eq!(ended(&exit_3), code(3));
        assert_eq!(ended(&[exit_3, [TIME, 0, 0, 0, 0]].concat()), code(3));
        assert_eq!(ended(&[ENDED, 11, 0, 0, 0]), Ended { signal: Some(11), ..Ended::default() });
        assert_eq!(ended(&[TIME, 0, 0, 0, 0]), stopped(Stopped::Time));
        assert_eq!(ended(&[CPU, 24, 0, 0, 0]), stopped(Stopped::Cpu));
        assert_eq!(ended(&[MEMORY, 0, 0, 0, 0]), stopped(Stopped::Memory));
        assert_eq!(ended(&[]), Ended::default());
    }
}
