//! What an author of cases needs: `use bootwright::prelude::*;`.
//!
//! ```
//! use bootwright::prelude::*;
//!
//! let case = Case::new("own::seabios::system-disk")
//!     .machine(Machine::pc(Firmware::SeaBios).virtio_blk(Medium::bootable("system")).bootindex(1))
//!     .expect(Expectation::boots("system"))
//!     .control_blank("system");
//! assert!(!case.is_vacuous());
//! ```

pub use crate::case::story::{Destination, Drives, LanMoment, Milestone, Story, WhileOff};
pub use crate::case::{Case, SourceLine, Suite, Tier};
pub use crate::images::{After, Boots, FatType, PartitionTable};
pub use crate::lan::routes::{Answer, Http, Resource};
pub use crate::lan::{BootAnswer, DhcpServer, Dhcpv6Server, Fault, Ipv6, LanSpec, Match, Tftp};
pub use crate::machine::{
    Access, Board, Bridge, Clock, Damage, DeviceClass, DeviceName, Firmware, Grub, GrubSource, Loader, Machine, Medium,
    Network, OptionRom, Place, SystemBootCode, SystemFiles, UsbController, VariableStore,
};
pub use crate::trace::{Outcome, Protocol};
pub use crate::verdict::{
    Cause, Expectation, Expected, OnLan, OnStore, booted, failed, failed_entry, http, https, hung, hung_entry, refused,
    refused_entry, tftp, timed_out_entry,
};
