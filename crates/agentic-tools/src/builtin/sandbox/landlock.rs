//! Landlock, a second wall behind the mounts: reads and executes anywhere, writes into the folder alone, no TCP, no
//! signals and no abstract sockets to outside. As much of it as the kernel has; without any the mounts stand alone.

use std::io;

use ::landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible as _, PathBeneath, Ruleset,
    RulesetAttr as _, RulesetCreated, RulesetCreatedAttr as _, Scope,
};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use super::step::{At as _, Failed, Step};
use super::{FOLDER, SandboxError};

/// The newest rules that are known.
const RULES: ABI = ABI::V6;

/// Rules that are not in force yet.
#[derive(Debug)]
pub(super) struct Landlock(RulesetCreated);

impl Landlock {
    pub(super) fn new() -> Result<Self, SandboxError> {
        let rules = || {
            Ruleset::default()
                .set_compatibility(CompatLevel::BestEffort)
                .handle_access(AccessFs::from_all(RULES))?
                .handle_access(AccessNet::from_all(RULES))?
                .scope(Scope::from_all(RULES))?
                .create()
        };
        rules().map(Self).map_err(|error| Step::Landlock.failed(io::Error::other(error)))
    }

    /// Puts the rules in force, for this process and all that it starts.
    pub(super) fn enforce(self) -> Result<(), Failed> {
        let devices = AccessFs::WriteFile | AccessFs::ReadFile | AccessFs::IoctlDev | AccessFs::Truncate;
        let Self(rules) = allow(self.0, "/", AccessFs::from_read(RULES))
            .and_then(|rules| allow(rules.0, FOLDER, AccessFs::from_all(RULES)))
            .and_then(|rules| allow(rules.0, "/dev/null", devices))?;
        rules.restrict_self().map(|_| ()).map_err(|_| Failed(Step::Landlock, Errno::PERM.raw_os_error()))
    }
}

fn allow(rules: RulesetCreated, path: &str, access: BitFlags<AccessFs>) -> Result<Landlock, Failed> {
    let place = rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).at(Step::Landlock)?;
    let rules = rules.add_rule(PathBeneath::new(place, access));
    rules.map(Landlock).map_err(|_| Failed(Step::Landlock, Errno::INVAL.raw_os_error()))
}
