//! What a guest that stands still looks like, and what only seems so.

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn processor(next: u64, general: &[u64]) -> Processor {
    Processor { next, general: general.to_vec(), halted: Some(false), interruptible: true }
}

fn halted(interruptible: bool) -> Processor {
    Processor { halted: Some(true), interruptible, ..processor(0x7c00, &[1, 2]) }
}

/// Looks once a second, each with so much processor time and guest time more; the first finding and at which look.
struct Bench {
    stillness: Stillness,
    begun: Instant,
    looks: u32,
    used: Duration,
    clock: Option<Duration>,
}

impl Bench {
    fn new(limits: Limits) -> Bench {
        Bench::knowing(limits, KnownLoops::default())
    }

    fn knowing(limits: Limits, known: KnownLoops) -> Bench {
        Bench::of(Stillness::new(limits, Firmware::SeaBios, known))
    }

    fn of(stillness: Stillness) -> Bench {
        // a kernel that counts has counted something by the time of the first look
        Bench { stillness, begun: Instant::now(), looks: 0, used: SECOND, clock: None }
    }

    fn look(&mut self, processors: &[Processor], used: Duration, activity: Activity) -> Option<Standstill> {
        let at = self.begun + SECOND * self.looks;
        self.looks += 1;
        self.used += used;
        let (processor, clock) = (self.used, self.clock);
        self.stillness.look(Sample { at, processor, clock, processors: processors.to_vec(), activity })
    }

    /// The first finding and the number of the look that gave it.
    fn until(&mut self, looks: u32, used: Duration, seen: impl Fn(u32) -> Processor) -> Option<(Standstill, u32)> {
        (1..=looks).find_map(|number| Some((self.look(&[seen(number)], used, Activity::default())?, number)))
    }
}

fn known() -> Limits {
    Limits::known(&Machine::pc(Firmware::SeaBios))
}

#[test]
fn a_processor_that_is_halted_and_takes_no_interrupt_stands_still_at_the_second_look() {
    let found = Bench::new(known()).until(9, Duration::ZERO, |_| halted(false));
    assert_eq!(found, Some((Standstill::Halted { at: 0x7c00 }, 2)));
    assert_eq!(Bench::new(Limits::foreign()).until(9, Duration::ZERO, |_| halted(false)), found, "whoever runs");
    assert_eq!(Bench::new(known()).until(9, Duration::ZERO, |_| halted(true)), None, "a timer wakes it");
    let moves = |number| Processor { next: u64::from(number), ..halted(false) };
    assert_eq!(Bench::new(known()).until(9, Duration::ZERO, moves), None, "something has woken it");
}

#[test]
fn all_of_the_processors_must_stand_still() {
    let mut bench = Bench::new(known());
    let both = [halted(false), halted(true)];
    assert!((0..9).all(|_| bench.look(&both, Duration::ZERO, Activity::default()).is_none()));
    let both = [halted(false), halted(false)];
    assert_eq!(bench.look(&both, Duration::ZERO, Activity::default()), None, "the first such look");
    assert!(bench.look(&both, Duration::ZERO, Activity::default()).is_some());
}

#[test]
fn a_loop_without_interrupts_in_which_nothing_changes_is_for_ever() {
    let closed = |_| Processor { interruptible: false, ..processor(0xf000, &[1, 2, 3]) };
    let (found, look) = Bench::new(Limits::foreign()).until(20, SAME, closed).unwrap();
    assert_eq!((found, look), (Standstill::Loops { at: 0xf000 }, SAME_LOOKS as u32));
    assert_eq!(Bench::new(known()).until(9, Duration::ZERO, closed), None, "QEMU did not run");
    let counts = |number| Processor { interruptible: false, ..processor(0xf000, &[u64::from(number), 2, 3]) };
    assert_eq!(Bench::new(known()).until(9, SAME, counts), None, "it counts, and may come to an end");
}

#[test]
fn a_tight_loop_with_interrupts_takes_longer_to_prove() {
    let tight = |number| match number % 6 {
        0 => processor(0x9000, &[7; 8]),
        even if even % 2 == 0 => processor(0x1008, &[u64::from(number), 2, 3, 4, 5, 6, 7, 8]),
        _ => processor(0x1000, &[u64::from(number), 2, 3, 4, 5, 6, 7, 8]),
    };
    let (found, look) = Bench::new(known()).until(60, SECOND, tight).unwrap();
    assert_eq!((found.name(), look), ("loops", 37));
    let (found, look) = Bench::new(known()).until(240, SECOND / 4, tight).unwrap();
    assert_eq!((found.name(), look), ("loops", 141), "who is looked at four times a second is not forgotten meanwhile");
    assert_eq!(Bench::new(Limits::foreign()).until(40, SECOND, tight), None);
    let wide = |number| processor(0x1000 * u64::from(number), &[1, 2, 3, 4]);
    assert_eq!(Bench::new(known()).until(30, SECOND, wide), None);
    let works = |number| processor(0x1000, &[u64::from(number); 8]);
    assert_eq!(Bench::new(known()).until(30, SECOND, works), None, "all of its registers change");
}

#[test]
fn a_loop_that_was_proven_once_is_known_again() {
    let loops = KnownLoops::default();
    let tight = |_| processor(0x1000, &[1, 2]);
    let quick = SECOND / 8;
    assert_eq!(Bench::knowing(known(), loops.clone()).until(20, quick, tight), None);
    Bench::knowing(known(), loops.clone()).until(60, SECOND, tight).unwrap();
    let of = Stillness::new(known(), Firmware::Ovmf, loops.clone());
    assert_eq!(Bench::of(of).until(20, quick, tight), None, "another firmware has other code there");
    let (_, look) = Bench::knowing(known(), loops.clone()).until(20, quick, |_| processor(0x1020, &[1, 2])).unwrap();
    assert_eq!(look, LOOP_LOOKS as u32);
    assert_eq!(Bench::knowing(known(), loops.clone()).until(20, quick, |_| processor(0x2000, &[1, 2])), None);
    assert_eq!(
        Bench::knowing(Limits::foreign(), loops).until(60, SECOND, tight),
        None,
        "nothing is known of others' programs"
    );
}

#[test]
fn a_loop_of_uefi_firmware_is_known_again_where_its_driver_was_loaded_elsewhere() {
    let loops = KnownLoops::default();
    let bench = || Bench::of(Stillness::new(known(), Firmware::Ovmf, loops.clone()));
    let at = |base: u64| move |number: u32| processor(base + 0x943 + u64::from(number % 3) * 5, &[1, 2]);
    let quick = SECOND / 8;
    bench().until(60, SECOND, at(0x06a1_a000)).unwrap();
    let (_, look) = bench().until(20, quick, at(0x0712_3000)).unwrap();
    assert_eq!(look, LOOP_LOOKS as u32);
    assert_eq!(bench().until(20, quick, at(0x0712_3010)), None, "other code");
    let wider = |number: u32| processor(0x0712_3943 + u64::from(number % 3) * 9, &[1, 2]);
    assert_eq!(bench().until(20, quick, wider), None, "more than the known loop");
    let bios = Bench::knowing(known(), loops.clone()).until(20, quick, at(0x0712_3000));
    assert_eq!(bios, None, "other firmware");
}

#[test]
fn a_guest_that_was_given_a_key_is_idle_for_twenty_seconds_at_most_and_as_long_as_any_once_it_has_answered() {
    let idle = |bench: &mut Bench, looks| bench.until(looks, Duration::ZERO, |_| halted(true));
    let mut asked = Bench::new(known());
    assert_eq!(idle(&mut asked, 30), None, "nobody has asked it anything");
    asked.stillness.awaits_answer(true);
    assert_eq!(idle(&mut asked, 30), Some((Standstill::Idles { seconds: 20 }, 21)), "from the key on");
    let mut again = Bench::new(Limits::known(&Machine::pc(Firmware::SeaBios).reboot_timeout(30_000)));
    again.stillness.awaits_answer(true);
    assert_eq!(idle(&mut again, 79), None, "it waits to start over");
    let mut answered = Bench::new(known());
    answered.stillness.awaits_answer(true);
    answered.stillness.awaits_answer(false);
    assert_eq!(idle(&mut answered, 79), None);
    // by a clock of its own its waits are of any length
    let mut own = Bench { clock: Some(Duration::ZERO), ..Bench::new(known()) };
    own.stillness.awaits_answer(true);
    let found = (1..=140).find_map(|_| {
        own.clock = own.clock.map(|clock| clock + SECOND);
        own.look(&[halted(true)], Duration::ZERO, Activity::default())
    });
    assert_eq!(found, None);
}

#[test]
fn an_idle_guest_stands_still_when_its_own_clock_says_so() {
    let mut bench = Bench::new(known());
    for half_minutes in 0..5 {
        bench.clock = Some(SECOND * 30 * half_minutes);
        assert_eq!(bench.look(&[halted(true)], Duration::ZERO, Activity::default()), None, "{half_minutes}");
    }
    bench.clock = Some(SECOND * 150);
    let found = bench.look(&[halted(true)], Duration::ZERO, Activity::default());
    assert_eq!(found, Some(Standstill::Idles { seconds: 150 }));
    let mut uefi = Bench::new(Limits::known(&Machine::q35(Firmware::Ovmf)));
    let at = [0, 200, 310, 399].map(|clock| {
        uefi.clock = Some(SECOND * clock);
        uefi.look(&[halted(true)], Duration::ZERO, Activity::default())
    });
    assert_eq!(at, [None, None, None, None], "its watchdog comes after 300 s");
    uefi.clock = Some(SECOND * 400);
    let found = uefi.look(&[halted(true)], Duration::ZERO, Activity::default());
    assert_eq!(found, Some(Standstill::Idles { seconds: 400 }));
    let ticks = |number| if number % 3 == 0 { halted(true) } else { processor(0x100, &[u64::from(number); 8]) };
    let mut busy = Bench::new(known());
    assert_eq!(busy.until(60, SECOND, ticks), None, "what ticks make QEMU compute is not the guest's computing");
    let on_the_hosts = Bench::new(known()).until(100, Duration::ZERO, |_| halted(true));
    assert_eq!(on_the_hosts, Some((Standstill::Idles { seconds: 80 }, 81)));
    assert_eq!(Bench::new(Limits::foreign()).until(1000, Duration::ZERO, |_| halted(true)), None);
    let arm = |_| Processor { halted: None, ..halted(false) };
    let found = Bench::new(known()).until(20, Duration::ZERO, arm);
    assert_eq!(found, Some((Standstill::Halted { at: 0x7c00 }, 13)), "nothing moves, and nothing can move it");
    let found = Bench::new(known()).until(20, SECOND, arm).unwrap();
    assert_eq!((found.0.name(), found.1), ("loops", 4), "it computes and nothing changes");
    assert_eq!(Bench::new(known()).until(12, SECOND / 2, arm), None, "neither is sure");
    for used in [Duration::ZERO, SECOND] {
        let found = Bench::new(Limits::foreign()).until(100, used, arm);
        assert_eq!(found, None, "a kernel waits with interrupts masked, and wakes");
    }
    let arm = |_| Processor { halted: None, ..halted(true) };
    let found = Bench::new(known()).until(100, Duration::ZERO, arm).unwrap();
    assert_eq!(found.0.name(), "idles", "what uses no processor time is idle");
    let mut uncounted = Bench::new(known());
    uncounted.used = Duration::ZERO;
    assert_eq!(uncounted.until(100, Duration::ZERO, arm), None, "nobody counts its time");
}

#[test]
fn who_computes_without_any_device_for_long_does_not_come_back() {
    let works = |number| processor(0x1000 * u64::from(number), &[u64::from(number); 4]);
    let (found, look) = Bench::new(known()).until(100, SECOND, works).unwrap();
    assert_eq!((found, look), (Standstill::Computes { seconds: 60 }, 61));
    assert_eq!(Bench::new(Limits::foreign()).until(1000, SECOND, works), None);
}

#[test]
fn a_guest_whose_own_clock_has_hardly_moved_has_not_waited_for_long() {
    let tight = |_: u32| processor(0x9c90d, &[1, 2]);
    let works = |number| processor(0x1000 * u64::from(number), &[u64::from(number); 4]);
    let after = |clock: Duration, loops: KnownLoops, seen: &dyn Fn(u32) -> Processor| {
        let mut bench = Bench::knowing(known(), loops);
        (0..100).find_map(|number| {
            bench.clock = Some(clock * number / 100);
            bench.look(&[seen(number)], SECOND, Activity::default())
        })
    };
    let loops = KnownLoops::default();
    for seen in [&tight as &dyn Fn(u32) -> Processor, &works] {
        assert_eq!(after(GUEST_TIME, loops.clone(), seen), None);
    }
    let name = |found: Option<Standstill>| found.map(|found| found.name());
    assert_eq!(name(after(SECOND * 600, loops.clone(), &works)), Some("computes"));
    assert_eq!(name(after(SECOND * 600, loops.clone(), &tight)), Some("loops"));
    assert_eq!(after(GUEST_TIME, loops, &tight), None, "where it is known too");
}

#[test]
fn whatever_it_does_it_does_not_stand_still() {
    let each = [
        Activity { printed: 1, ..Activity::default() },
        Activity { network: 1, ..Activity::default() },
        Activity { events: 1, ..Activity::default() },
        Activity { disk: 1, ..Activity::default() },
        Activity { store: Some(SystemTime::UNIX_EPOCH), ..Activity::default() },
    ];
    for activity in each {
        let mut bench = Bench::new(known());
        for _ in 0..5 {
            assert_eq!(bench.look(&[halted(false)], SECOND, activity), None, "{activity:?}");
            assert_eq!(bench.look(&[halted(false)], SECOND, Activity::default()), None, "{activity:?}");
        }
        bench.stillness.forget();
        assert_eq!(bench.look(&[halted(false)], SECOND, activity), None);
        assert!(bench.look(&[halted(false)], SECOND, activity).is_some(), "{activity:?}");
    }
    let mut bench = Bench::new(known());
    bench.look(&[halted(false)], SECOND, Activity::default());
    assert_eq!(bench.look(&[], SECOND, Activity::default()), None, "it does not run");
    assert_eq!(bench.look(&[halted(false)], SECOND, Activity::default()), None, "the first look again");
}
