//! The steps of the way into the sandbox, and how a failed one is told to the process outside.

use std::fmt;
use std::io;

use super::SandboxError;

/// A step that can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Step {
    Pipe = 1,
    Namespaces,
    Identity,
    Watch,
    Trees,
    Root,
    Folder,
    Files,
    Process,
    Limits,
    Capabilities,
    Landlock,
    Seccomp,
}

impl Step {
    const ALL: [Self; 13] = [
        Self::Pipe,
        Self::Namespaces,
        Self::Identity,
        Self::Watch,
        Self::Trees,
        Self::Root,
        Self::Folder,
        Self::Files,
        Self::Process,
        Self::Limits,
        Self::Capabilities,
        Self::Landlock,
        Self::Seccomp,
    ];

    pub(super) fn failed(self, error: io::Error) -> SandboxError {
        SandboxError::Step { step: self, error }
    }

    /// What to do about it.
    pub(super) fn hint(self, error: &io::Error) -> &'static str {
        use rustix::io::Errno;
        let errno = Errno::from_io_error(error);
        match self {
            Self::Namespaces | Self::Identity | Self::Trees | Self::Root | Self::Folder
                if matches!(errno, Some(Errno::PERM | Errno::ACCESS | Errno::NOSPC | Errno::USERS)) =>
            {
                " (the system does not let this user make user namespaces: set the sysctls \
                 user.max_user_namespaces above 0, kernel.unprivileged_userns_clone to 1 and \
                 kernel.apparmor_restrict_unprivileged_userns to 0 where they exist; in a container, let it make them)"
            }
            Self::Watch => " (/proc must be mounted and list the children of processes)",
            _ if matches!(errno, Some(Errno::NOSYS)) => " (the kernel lacks it)",
            _ => "",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pipe => "open a pipe",
            Self::Namespaces => "make the namespaces of its sandbox",
            Self::Identity => "become nobody in its sandbox",
            Self::Watch => "watch its sandbox",
            Self::Trees => "open the folders of Python and the system for its sandbox",
            Self::Root => "make the root folder of its sandbox",
            Self::Folder => "make the folder of the program",
            Self::Files => "write the program's files",
            Self::Process => "start a process in its sandbox",
            Self::Limits => "limit the program",
            Self::Capabilities => "take the program's capabilities",
            Self::Landlock => "confine the program by Landlock",
            Self::Seccomp => "filter the program's system calls",
        })
    }
}

/// A step and its error number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Failed(pub(super) Step, pub(super) i32);

/// Gives errors their step.
pub(super) trait At<T> {
    fn at(self, step: Step) -> Result<T, Failed>;
}

impl<T> At<T> for rustix::io::Result<T> {
    fn at(self, step: Step) -> Result<T, Failed> {
        self.map_err(|errno| Failed(step, errno.raw_os_error()))
    }
}

/// What goes through the one number that a child can tell of its failure: numbers of errors are below 4096.
const STEP: i32 = 1 << 16;

pub(super) fn encode(Failed(step, errno): Failed) -> io::Error {
    io::Error::from_raw_os_error(step as i32 * STEP + errno)
}

pub(super) fn decode(error: &io::Error) -> Option<(Step, io::Error)> {
    let number = error.raw_os_error()?;
    let step = Step::ALL.into_iter().find(|step| *step as i32 == number / STEP)?;
    Some((step, io::Error::from_raw_os_error(number % STEP)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_and_its_error_fit_into_one_number() {
        for step in Step::ALL {
            let (found, error) = decode(&encode(Failed(step, 4095))).expect("a step");
            assert_eq!((found, error.raw_os_error()), (step, Some(4095)));
        }
        assert!(decode(&io::Error::from_raw_os_error(2)).is_none(), "the program's own error");
    }

    #[test]
    fn says_what_to_do_where_namespaces_are_forbidden() {
        let error = Step::Namespaces.failed(io::Error::from_raw_os_error(1)).to_string();
        assert!(error.contains("user.max_user_namespaces") && !error.contains('\n'), "{error}");
    }
}
