//! Confinement by Landlock, <https://docs.kernel.org/userspace-api/landlock.html>: rules that a Linux process sets for
//! itself and its threads, and can never lift.
//!
//! It must not know why anything is granted.

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, LandlockStatus, PathBeneath,
    RestrictionStatus, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
};

use super::Outcome;
use super::grant::{Grant, Right};

/// The rights that this was tried with. What later kernels can refuse besides stays allowed.
const KNOWN: ABI = ABI::V7;

/// Sets the rules, and that no program that is started has more rights than this one (also without Landlock).
pub(super) fn restrict(grants: &[Grant<'_>], connects: bool) -> Outcome {
    match enforce(grants, connects) {
        Ok(RestrictionStatus { ruleset, landlock, .. }) => outcome(&ruleset, landlock),
        Err(error) => Outcome::Nothing(error.to_string()),
    }
}

fn enforce(grants: &[Grant<'_>], connects: bool) -> Result<RestrictionStatus, RulesetError> {
    let ports = if connects { AccessNet::BindTcp.into() } else { AccessNet::from_all(KNOWN) };
    let rules = Ruleset::default()
        // The first Landlock had no such right and refused to move anything between folders: then rather none.
        .set_compatibility(CompatLevel::SoftRequirement)
        .handle_access(AccessFs::Refer)?
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(KNOWN))?
        .handle_access(ports)?
        .scope(Scope::from_all(KNOWN))?;
    let mut rules = rules.create()?;
    for grant in grants {
        rules = rules.add_rule(PathBeneath::new(grant, rights(grant)))?;
    }
    rules.restrict_self()
}

fn rights(grant: &Grant<'_>) -> BitFlags<AccessFs> {
    match grant.right {
        Right::Change => AccessFs::from_all(KNOWN) & !BitFlags::from(AccessFs::Execute),
        Right::Read => AccessFs::ReadFile | AccessFs::ReadDir,
        Right::Remove => AccessFs::RemoveFile.into(),
    }
}

fn outcome(rules: &RulesetStatus, landlock: LandlockStatus) -> Outcome {
    match landlock {
        LandlockStatus::NotImplemented => Outcome::Nothing("this kernel has no Landlock".to_owned()),
        LandlockStatus::NotEnabled => Outcome::Nothing("Landlock is not enabled in this kernel".to_owned()),
        LandlockStatus::Available { .. } if *rules == RulesetStatus::NotEnforced => {
            Outcome::Nothing("the Landlock of this kernel cannot move files between folders".to_owned())
        }
        LandlockStatus::Available { effective_abi, kernel_abi } => {
            let known = effective_abi.to_string().parse().unwrap_or_default();
            Outcome::Landlock(kernel_abi.and_then(|number| u32::try_from(number).ok()).unwrap_or(known))
        }
    }
}
