//! The few UEFI tables, protocols and services that the payload uses (UEFI 2.10 sections 4.3, 4.4, 4.5, 7.3, 8.2, 9.1, 13.9;
//! TCG EFI Protocol Specification for TPM Family 2.0, section 6).

use crate::arch;
use core::ffi::c_void;
use core::ptr;

#[repr(C)]
pub struct SystemTable {
    header: [u8; 24],
    vendor: *const u16,
    revision: u32,
    consoles: [*const c_void; 6],
    runtime: *const RuntimeServices,
    boot: *const BootServices,
}

#[repr(C)]
struct BootServices {
    header: [u8; 24],
    before_handle_protocol: [*const c_void; 16],
    handle_protocol: extern "efiapi" fn(*mut c_void, *const Guid, *mut *const c_void) -> usize,
    before_locate_handle: [*const c_void; 2],
    locate_handle: extern "efiapi" fn(u32, *const Guid, *const c_void, *mut usize, *mut *mut c_void) -> usize,
}

#[repr(C)]
struct BlockIo {
    revision: u64,
    media: *const BlockMedia,
    reset: *const c_void,
    read: extern "efiapi" fn(*const BlockIo, u32, u64, usize, *mut u8) -> usize,
    write: extern "efiapi" fn(*const BlockIo, u32, u64, usize, *const u8) -> usize,
    flush: extern "efiapi" fn(*const BlockIo) -> usize,
}

/// The beginning of `EFI_BLOCK_IO_MEDIA`.
#[repr(C)]
struct BlockMedia {
    id: u32,
    is_removable: u8,
    is_present: u8,
    is_partition: u8,
    is_read_only: u8,
    is_write_cached: u8,
    block_bytes: u32,
}

#[repr(C)]
struct RuntimeServices {
    header: [u8; 24],
    before_get_variable: [*const c_void; 6],
    get_variable: extern "efiapi" fn(*const u16, *const Guid, *mut u32, *mut usize, *mut u8) -> usize,
    get_next_variable_name: *const c_void,
    set_variable: extern "efiapi" fn(*const u16, *const Guid, u32, usize, *const u8) -> usize,
    before_reset_system: *const c_void,
    reset_system: extern "efiapi" fn(u32, usize, usize, *const u16) -> usize,
}

#[repr(C)]
struct LoadedImage {
    revision: u32,
    parent: *mut c_void,
    system: *const SystemTable,
    device: *mut c_void,
    file_path: *const u8,
    reserved: *const c_void,
    load_options_size: u32,
    load_options: *const u8,
}

/// `EFI_TCG2_PROTOCOL`.
#[repr(C)]
struct Tcg2 {
    get_capability: *const c_void,
    get_event_log: extern "efiapi" fn(*const Tcg2, u32, *mut *const u8, *mut *const u8, *mut u8) -> usize,
    hash_log_extend_event: *const c_void,
    submit_command: extern "efiapi" fn(*const Tcg2, u32, *const u8, u32, *mut u8) -> usize,
}

#[repr(C)]
struct Guid(u32, u16, u16, [u8; 8]);

const LOADED_IMAGE: Guid = Guid(0x5b1b_31a1, 0x9562, 0x11d2, [0x8e, 0x3f, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b]);
const DEVICE_PATH: Guid = Guid(0x0957_6e91, 0x6d3f, 0x11d2, [0x8e, 0x39, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b]);
const BLOCK_IO: Guid = Guid(0x964e_5b21, 0x6459, 0x11d2, [0x8e, 0x39, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b]);
const TCG2: Guid = Guid(0x607f_766c, 0x7455, 0x42be, [0x93, 0x0b, 0xe4, 0xd7, 0x6d, 0xb2, 0x72, 0x0f]);
const GLOBAL_VARIABLE: Guid = Guid(0x8be4_df61, 0x93ca, 0x11d2, [0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c]);

/// Of the variable that is this program's own.
const OWN_VARIABLE: Guid = Guid(0xb007_1216, 0x5c1e, 0x4d8a, [0x9b, 0x3e, 0x61, 0x0c, 0xd2, 0x7f, 0x48, 0xe5]);
const OWN_NAME: &str = "Wrote";

/// Non-volatile, with access in boot services and at run time.
const ATTRIBUTES: u32 = 7;

/// `EFI_LOCATE_SEARCH_TYPE` `ByProtocol`.
const BY_PROTOCOL: u32 = 2;

/// `EFI_TCG2_EVENT_LOG_FORMAT_TCG_2`.
const CRYPTO_AGILE_LOG: u32 = 2;

/// The most handles with Block I/O that are looked at.
const HANDLES: usize = 128;

/// Size in bytes of the sectors that are written.
pub const BLOCK_BYTES: usize = 512;

const RESET_COLD: u32 = 0;
const RESET_SHUTDOWN: u32 = 2;

/// Longest variable name used, terminator included.
const NAME_CAPACITY: usize = 16;

/// Upper bound on load options, against a size that was never set.
const OPTIONS_LIMIT: usize = 4096;

/// Upper bound on a device path, against a path without an end node.
const PATH_LIMIT: usize = 4096;

/// The firmware as seen from a running application. Interrupts are off while one exists.
pub struct Firmware {
    image: *mut c_void,
    system: *const SystemTable,
    interrupts: arch::Interrupts,
}

impl Firmware {
    /// # Safety
    ///
    /// `system` must be the system table given to the entry point, with boot services still present.
    pub unsafe fn new(image: *mut c_void, system: *const SystemTable) -> Self {
        Self { image, system, interrupts: arch::Interrupts::disable() }
    }

    /// Restores the interrupt flag and passes `status` on, for a return to the firmware.
    pub fn leave(&self, status: usize) -> usize {
        self.interrupts.restore();
        status
    }

    /// Waits for interrupts for ever. The firmware's handlers may reset the machine.
    pub fn idle(&self) -> ! {
        self.interrupts.restore();
        loop {
            arch::wait_for_interrupt();
        }
    }

    /// The value of a global variable, or `None` where it is absent, unreadable or longer than `buffer`.
    pub fn variable<'a>(&self, name: &str, buffer: &'a mut [u8]) -> Option<&'a [u8]> {
        self.get(name, &GLOBAL_VARIABLE, buffer)
    }

    /// The value of this program's own variable.
    pub fn own_variable<'a>(&self, buffer: &'a mut [u8]) -> Option<&'a [u8]> {
        self.get(OWN_NAME, &OWN_VARIABLE, buffer)
    }

    /// Writes a global variable that outlives a power cycle; whether the firmware took it.
    pub fn set_variable(&self, name: &str, value: &[u8]) -> bool {
        self.set(name, &GLOBAL_VARIABLE, value)
    }

    /// Writes this program's own variable; whether the firmware took it.
    pub fn set_own_variable(&self, value: &[u8]) -> bool {
        self.set(OWN_NAME, &OWN_VARIABLE, value)
    }

    fn set(&self, name: &str, vendor: &Guid, value: &[u8]) -> bool {
        let wide = wide(name);
        // SAFETY: see `new`; the firmware reads the terminated name and `value.len()` bytes.
        let status = unsafe {
            let set = (*(*self.system).runtime).set_variable;
            self.call(|| set(wide.as_ptr(), vendor, ATTRIBUTES, value.len(), value.as_ptr()))
        };
        status == 0
    }

    fn get<'a>(&self, name: &str, vendor: &Guid, buffer: &'a mut [u8]) -> Option<&'a [u8]> {
        let wide = wide(name);
        let mut size = buffer.len();
        // SAFETY: see `new`; the firmware writes at most `size` bytes.
        let status = unsafe {
            let get = (*(*self.system).runtime).get_variable;
            self.call(|| get(wide.as_ptr(), vendor, ptr::null_mut(), &mut size, buffer.as_mut_ptr()))
        };
        if status == 0 { buffer.get(..size) } else { None }
    }

    /// The device path of the device that this image was loaded from.
    pub fn device_path(&self) -> Option<&[u8]> {
        let image = self.loaded_image()?;
        let path = self.protocol(image.device, &DEVICE_PATH)?;
        // SAFETY: the protocol's interface is a device path.
        unsafe { whole_path(path.cast()) }
    }

    /// The file path part of this image's device path.
    pub fn file_path(&self) -> Option<&[u8]> {
        // SAFETY: `FilePath` is a device path or null.
        unsafe { whole_path(self.loaded_image()?.file_path) }
    }

    /// What the boot option, or who loaded this image, gave it; nothing where that is longer than any option can be.
    pub fn load_options(&self) -> Option<&[u8]> {
        let image = self.loaded_image()?;
        let size = image.load_options_size as usize;
        if size == 0 || size > OPTIONS_LIMIT || image.load_options.is_null() {
            return None;
        }
        // SAFETY: the loader vouches for so many bytes there.
        Some(unsafe { core::slice::from_raw_parts(image.load_options, size) })
    }

    /// The firmware's way to a TPM 2.0, if it has found one.
    pub fn tpm(&self) -> Option<Tpm> {
        let protocol = self.handles_with(&TCG2).find_map(|handle| self.protocol(handle, &TCG2))?;
        Some(Tpm { protocol: protocol.cast() })
    }

    fn handles_with(&self, protocol: &Guid) -> impl Iterator<Item = *mut c_void> + use<> {
        let mut handles = [ptr::null_mut(); HANDLES];
        let mut size = size_of_val(&handles);
        // SAFETY: see `new`; the firmware writes at most `size` bytes.
        let status = unsafe {
            let locate = (*(*self.system).boot).locate_handle;
            self.call(|| locate(BY_PROTOCOL, protocol, ptr::null(), &mut size, handles.as_mut_ptr()))
        };
        let found = if status == 0 { size / size_of::<*mut c_void>() } else { 0 };
        handles.into_iter().take(found)
    }

    /// Whole disks that can be written, in sectors of [`BLOCK_BYTES`].
    pub fn disks(&self) -> impl Iterator<Item = Disk> {
        self.handles_with(&BLOCK_IO).filter_map(|handle| {
            let io: *const BlockIo = self.protocol(handle, &BLOCK_IO)?.cast();
            // SAFETY: the protocol's interface has this layout, and nothing removes it meanwhile.
            let media = unsafe { io.as_ref()?.media.as_ref()? };
            let is_disk = media.is_present != 0 && media.is_partition == 0 && media.is_read_only == 0;
            (is_disk && media.block_bytes as usize == BLOCK_BYTES).then_some(Disk { io, media: media.id })
        })
    }

    pub fn reset_cold(&self) {
        self.reset(RESET_COLD);
    }

    pub fn power_off(&self) {
        self.reset(RESET_SHUTDOWN);
    }

    fn reset(&self, kind: u32) {
        // SAFETY: see `new`.
        unsafe {
            let reset = (*(*self.system).runtime).reset_system;
            self.call(|| reset(kind, 0, 0, ptr::null()));
        }
    }

    fn loaded_image(&self) -> Option<&LoadedImage> {
        let image = self.protocol(self.image, &LOADED_IMAGE)?;
        // SAFETY: the protocol's interface has this layout and lives as long as the image.
        unsafe { image.cast::<LoadedImage>().as_ref() }
    }

    fn protocol(&self, handle: *mut c_void, guid: &Guid) -> Option<*const c_void> {
        if handle.is_null() {
            return None;
        }
        let mut interface = ptr::null();
        // SAFETY: see `new`.
        let status = unsafe {
            let handle_protocol = (*(*self.system).boot).handle_protocol;
            self.call(|| handle_protocol(handle, guid, &mut interface))
        };
        (status == 0 && !interface.is_null()).then_some(interface)
    }

    /// One call of the firmware with the interrupt flag as the firmware had it; services may leave it changed.
    fn call<T>(&self, service: impl FnOnce() -> T) -> T {
        self.interrupts.restore();
        let result = service();
        arch::Interrupts::disable();
        result
    }
}

/// A disk as the firmware gives access to it.
pub struct Disk {
    io: *const BlockIo,
    media: u32,
}

impl Disk {
    /// Reads sector 0; whether that worked.
    pub fn read(&self, firmware: &Firmware, to: &mut [u8; BLOCK_BYTES]) -> bool {
        // SAFETY: see `Firmware::disks`; the firmware writes `to.len()` bytes.
        let status = unsafe {
            let read = (*self.io).read;
            firmware.call(|| read(self.io, self.media, 0, to.len(), to.as_mut_ptr()))
        };
        status == 0
    }

    /// Writes sector 0 and has it kept; whether that worked.
    pub fn write(&self, firmware: &Firmware, from: &[u8; BLOCK_BYTES]) -> bool {
        // SAFETY: see `Firmware::disks`; the firmware reads `from.len()` bytes.
        unsafe {
            let (write, flush) = ((*self.io).write, (*self.io).flush);
            firmware.call(|| write(self.io, self.media, 0, from.len(), from.as_ptr())) == 0
                && firmware.call(|| flush(self.io)) == 0
        }
    }
}

/// A TPM 2.0 as the firmware gives access to it.
pub struct Tpm {
    protocol: *const Tcg2,
}

impl Tpm {
    /// The event log in the crypto agile format: its first byte, and where its last event begins. `None` where the firmware gives
    /// none, or says that it is not whole.
    pub fn event_log(&self, firmware: &Firmware) -> Option<(*const u8, *const u8)> {
        let (mut first, mut last, mut is_truncated) = (ptr::null(), ptr::null(), 0);
        // SAFETY: see `Firmware::tpm`.
        let status = unsafe {
            let get = (*self.protocol).get_event_log;
            firmware.call(|| get(self.protocol, CRYPTO_AGILE_LOG, &mut first, &mut last, &mut is_truncated))
        };
        let is_whole = status == 0 && is_truncated == 0 && !first.is_null() && last >= first;
        is_whole.then_some((first, last))
    }

    /// Has the TPM carry out a command; whether the firmware passed it on. The answer begins with its own length.
    pub fn command(&self, firmware: &Firmware, command: &[u8], answer: &mut [u8]) -> bool {
        // SAFETY: see `Firmware::tpm`; the firmware writes at most `answer.len()` bytes.
        let status = unsafe {
            let submit = (*self.protocol).submit_command;
            let (from, to) = (command.as_ptr(), answer.as_mut_ptr());
            firmware.call(|| submit(self.protocol, command.len() as u32, from, answer.len() as u32, to))
        };
        status == 0
    }
}

/// A variable's name as the firmware takes it.
fn wide(name: &str) -> [u16; NAME_CAPACITY] {
    let mut wide = [0_u16; NAME_CAPACITY];
    for (to, from) in wide[..NAME_CAPACITY - 1].iter_mut().zip(name.bytes()) {
        *to = from.into();
    }
    wide
}

/// A device path from its first node to its end node, both included.
///
/// # Safety
///
/// `path` is null or points to a device path.
unsafe fn whole_path<'a>(path: *const u8) -> Option<&'a [u8]> {
    const END: u8 = 0x7f;
    const END_ENTIRE: u8 = 0xff;
    if path.is_null() {
        return None;
    }
    let mut length = 0_usize;
    while length < PATH_LIMIT {
        // SAFETY: every node before this one had a length and was no end node, so a header of four bytes follows.
        let [kind, subtype, low, high] = unsafe { path.add(length).cast::<[u8; 4]>().read() };
        let node = usize::from(u16::from_le_bytes([low, high]));
        if node < 4 {
            return None;
        }
        length += node;
        if kind == END && subtype == END_ENTIRE {
            // SAFETY: the nodes just walked are contiguous.
            return Some(unsafe { core::slice::from_raw_parts(path, length) });
        }
    }
    None
}
