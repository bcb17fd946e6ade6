//! What a sweep removes and what it keeps.

use super::*;

#[test]
fn a_sweep_removes_what_nobody_will_continue_and_keeps_what_someone_holds() {
    let (place, folder) = share();
    std::fs::create_dir(place.path().join("sub")).unwrap();
    let bytes = content(3 * MIB, 0);
    let mut held = Incoming::begin(&folder, &path("held"), resumable(bytes.len())).unwrap();
    send(&mut held, &bytes[..MIB], 0).unwrap();
    let mut kept = Incoming::begin(&folder, &path("sub/kept"), resumable(bytes.len())).unwrap();
    send(&mut kept, &bytes[..MIB], 0).unwrap();
    drop(kept);
    std::fs::write(place.path().join("sub/.ioe-partial-once-00-1"), "crashed").unwrap();
    let old = place.path().join("sub/.ioe-partial-00000000000000000000000000000000");
    std::fs::write(&old, "old").unwrap();
    let young = place.path().join("sub/.ioe-partial-11111111111111111111111111111111");
    std::fs::write(&young, "young").unwrap();
    let days = |count: f64| std::time::SystemTime::now() - Duration::from_secs_f64(count * 86_400.0);
    for (file, age) in [(&old, 7.01), (&young, 6.99)] {
        File::options().write(true).open(file).unwrap().set_modified(days(age)).unwrap();
    }
    let report = sweep(&folder, u64::MAX, &|| false).unwrap();
    assert_eq!(report, SweepReport { removed: 2, kept: 2 }, "seven days are the limit");
    assert!(young.exists() && !old.exists());
    let report = sweep(&folder, 0, &|| false).unwrap();
    assert_eq!(report, SweepReport { removed: 2, kept: 0 }, "the cap removes the rest but not what is held");
    send(&mut held, &bytes, MIB).unwrap();
    held.finish(bytes.len() as u64, Some(Digest::of(&bytes))).unwrap();
    assert_eq!(names(place.path()), ["held", "sub"]);
}

#[test]
fn past_the_cap_a_sweep_removes_the_oldest_partials_and_at_the_cap_none() {
    let (place, folder) = share();
    let partial = |age: u64| place.path().join(format!(".ioe-partial-{age:032}"));
    for age in [3, 1, 2] {
        std::fs::write(partial(age), "12345").unwrap();
        let modified = std::time::SystemTime::now() - Duration::from_secs(age * 3600);
        File::options().write(true).open(partial(age)).unwrap().set_modified(modified).unwrap();
    }
    for (bytes_max, kept) in [(15, 3), (14, 2), (5, 1)] {
        let report = sweep(&folder, bytes_max, &|| false).unwrap();
        assert_eq!(report.kept, kept, "of at most {bytes_max} bytes");
        assert!((1..=kept).all(|age| partial(age).exists()), "the youngest stay");
    }
}

#[test]
fn a_sweep_keeps_no_more_partials_in_mind_than_its_limit_and_the_next_takes_the_rest() {
    let (place, folder) = share();
    for number in 0..=sweep::PARTIALS_MAX {
        File::create(place.path().join(format!(".ioe-partial-{number:032}"))).unwrap();
    }
    let once = sweep(&folder, u64::MAX, &|| false).unwrap();
    assert_eq!(once, SweepReport { removed: 0, kept: sweep::PARTIALS_MAX as u64 });
}
