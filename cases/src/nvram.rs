//! What OVMF keeps in its variable store from one power-on to the next.

use bootwright::case::Case;
use bootwright::case::story::{Milestone, Story};
use bootwright::machine::{Firmware, Machine, Medium};
use bootwright::verdict::{Expectation, booted};

pub fn cases() -> Vec<Case> {
    let mut cases = vec![kept_over_power_cycle(), restored_after_removal()];
    for case in &mut cases {
        case.axes.insert("class".to_owned(), "virtio-blk".to_owned());
    }
    cases
}

/// The farther disk is first in the order.
fn machine() -> Machine {
    let machine = Machine::q35(Firmware::Ovmf).virtio_blk(Medium::bootable("wrong")).slot(4).bootindex(2);
    machine.virtio_blk(Medium::bootable("right")).slot(6).bootindex(1)
}

/// A second power-on with the variables of the first one boots the same disk.
fn kept_over_power_cycle() -> Case {
    Case::new("nvram::ovmf::q35::power-cycle")
        .machine(machine())
        .story(Story::new().wait(Milestone::Ended).power_cycle(&[]))
        .expect(Expectation::attempts([booted("right"), booted("right")]).without_trying("wrong"))
        .control_blank("right")
        .long()
}

/// A disk that is missing at one power-on loses its boot option, and has it back, in its place, when it is there again.
fn restored_after_removal() -> Case {
    let story = Story::new().wait(Milestone::Ended).power_cycle(&["right"]);
    let story = story.wait(Milestone::Ended).power_cycle(&[]);
    Case::new("nvram::ovmf::q35::removed-and-restored")
        .machine(machine())
        .story(story)
        .expect(Expectation::attempts([booted("right"), booted("wrong"), booted("right")]))
        .control_blank("right")
        .long()
}
