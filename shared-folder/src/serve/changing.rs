//! RENAME, DELETE and MKDIR.

use super::permission::check_whole;
use super::pulse::Pulse;
use super::refusal::{Refusal, Stop};
use super::session::Session;
use super::share::Share;
use crate::access::Right;
use crate::folder::FolderError;
use crate::incoming::{Step, run_step};
use wire::message::reply::{Deleted, Made, Renamed};
use wire::message::request::{Delete, Mkdir, Rename};
use wire::path::SharedPath;

impl Session<'_> {
    pub(super) fn rename(&mut self, id: u64, rename: &Rename) -> Result<(), Stop> {
        let share = &self.host.share;
        share.check_changes_allowed()?;
        let (from, to) = (Share::path(&rename.path)?, Share::path(&rename.to)?);
        self.check_rename(&from, &to)?;
        let rules = &self.permit;
        let permit = |is_folder: bool| match is_folder {
            true => check_whole(rules, &from).and_then(|()| check_whole(rules, &to)),
            false => share.check_file(&from).and_then(|()| share.check_file(&to)),
        };
        let replace = rename.replace && rules.allows(Right::Replace, Some(&to));
        let folder = self.folder();
        let renamed = run_step(&share.probe, Step::Rename, || folder.rename(&from, &to, replace, &permit))?;
        run_step(&share.probe, Step::SyncFolder, || renamed.sync())?;
        run_step(&share.probe, Step::Reply, || Ok(()))?;
        Ok(self.connection.sender.queue(Some(id), &Renamed {})?)
    }

    pub(super) fn delete(&mut self, id: u64, delete: &Delete) -> Result<(), Stop> {
        let share = &self.host.share;
        share.check_changes_allowed()?;
        let path = Share::path(&delete.path)?;
        self.check(Right::Delete, Some(&path))?;
        let (folder, rules) = (self.folder(), &self.permit);
        let permit = |is_folder: bool| match is_folder {
            true if delete.recursive && share.rules.kinds.is_some() => Err(FolderError::MayHoldNotShared),
            // Also of an empty one, or this would tell whether something hidden lies in it.
            true => check_whole(rules, &path),
            false => share.check_file(&path),
        };
        let (mut pulse, mut lost) = (Pulse::new(id, share), None);
        let still_may = self.still_may(Right::Delete, &path);
        let sender = &mut self.connection.sender;
        let removed = folder.remove(&path, delete.recursive, &permit, &mut |removed| {
            lost = match still_may() {
                true => pulse.beat(sender, removed, removed).err(),
                false => Some(FolderError::NotPermitted.into()),
            };
            lost.is_none()
        });
        if let Some(error) = lost {
            return Err(error);
        }
        removed?;
        Ok(self.connection.sender.queue(Some(id), &Deleted {})?)
    }

    pub(super) fn make_folder(&mut self, id: u64, mkdir: &Mkdir) -> Result<(), Stop> {
        self.host.share.check_changes_allowed()?;
        let path = Share::path(&mkdir.path)?;
        self.check_make_folder(&path)?;
        let permit = |folder: &SharedPath| match self.permit.allows(Right::Create, Some(folder)) {
            true => Ok(()),
            false => Err(FolderError::NoFolder),
        };
        self.folder().make_permitted_folders(&path, &permit).map_err(Refusal::of_change)?;
        Ok(self.connection.sender.queue(Some(id), &Made {})?)
    }
}
