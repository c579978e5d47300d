//! The UEFI program for LoongArch: what `payload/efi` prints, in instructions that this file writes, since few hosts have a compiler for
//! that processor (`docs/adr/0016-loongarch64-payload.md`).
//!
//! QEMU's `virt` machine has its 16550 at 0x1fe0_01e0 and fw_cfg at 0x1e02_0000 (`include/hw/loongarch/virt.h` and
//! `include/hw/pci-host/ls7a.h`), its stable counter runs at 100 MHz (`target/loongarch/constant_timer.c`). The program reads and writes both where they lie: the
//! firmware maps them to the same addresses.

use crate::loongarch64::{ARGUMENT, Code, If, Label, RETURN_ADDRESS, Register, SAVED, STACK, TEMPORARY, ZERO};
use crate::{After, ImageError, pe_header};

const UART: u32 = 0x1fe0_01e0;
const LINE_STATUS: i16 = 5;
const THR_EMPTY: u16 = 0x20;
const TRANSMITTER_EMPTY: u16 = 0x40;
const FW_CFG: u32 = 0x1e02_0000;
const FW_CFG_SELECTOR: i16 = 8;
/// The item that lists the files, as a big-endian register takes it from a little-endian processor (QEMU's `docs/specs/fw_cfg.rst`).
const DIRECTORY: u16 = 0x0019_u16.swap_bytes();
const FILE_NAME_BYTES: usize = 56;
const NANOSECONDS_OF_A_TICK: u16 = 10;

/// Offsets in the tables of UEFI (specification, sections 4.3, 4.4, 4.5 and 9.1).
const BOOT_SERVICES: i16 = 96;
const RUNTIME_SERVICES: i16 = 88;
const HANDLE_PROTOCOL: i16 = 152;
const GET_VARIABLE: i16 = 72;
const SET_VARIABLE: i16 = 88;
const RESET_SYSTEM: i16 = 104;
const IMAGE_DEVICE_HANDLE: i16 = 24;
const IMAGE_FILE_PATH: i16 = 32;
const IMAGE_LOAD_OPTIONS_SIZE: i16 = 48;
const IMAGE_LOAD_OPTIONS: i16 = 56;

/// As they lie in memory: the first three fields are little-endian.
const GLOBAL_VARIABLE: [u8; 16] =
    [0x61, 0xdf, 0xe4, 0x8b, 0xca, 0x93, 0xd2, 0x11, 0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c];
const LOADED_IMAGE: [u8; 16] =
    [0xa1, 0x31, 0x1b, 0x5b, 0x62, 0x95, 0xd2, 0x11, 0x8e, 0x3f, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b];
const DEVICE_PATH: [u8; 16] =
    [0x91, 0x6e, 0x57, 0x09, 0x3f, 0x6d, 0xd2, 0x11, 0x8e, 0x39, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b];

/// Of the variable that is this program's own, as in `payload/efi/firmware.rs`.
const OWN_VARIABLE: [u8; 16] =
    [0x16, 0x12, 0x07, 0xb0, 0x1e, 0x5c, 0x8a, 0x4d, 0x9b, 0x3e, 0x61, 0x0c, 0xd2, 0x7f, 0x48, 0xe5];
const OWN_NAME: &str = "Wrote";
/// Non-volatile, with access in boot services and at run time.
const ATTRIBUTES: u16 = 7;
/// `EFI_OS_INDICATIONS_BOOT_TO_FW_UI`, in a variable of eight bytes.
const BOOT_TO_FW_UI: u16 = 1;
const OS_INDICATIONS_BYTES: u16 = 8;

/// `EFI_NOT_FOUND` without its highest bit, which is that of every error.
const NOT_FOUND: u16 = 14;
const COLD: u16 = 0;
const SHUTDOWN: u16 = 2;
/// Bit IE of CRMD.
const INTERRUPTS: u16 = 4;

const A0: Register = ARGUMENT;
const A1: Register = ARGUMENT + 1;
const A2: Register = ARGUMENT + 2;
const A3: Register = ARGUMENT + 3;
const A4: Register = ARGUMENT + 4;
const T0: Register = TEMPORARY;
const T1: Register = TEMPORARY + 1;
const T2: Register = TEMPORARY + 2;
const T3: Register = TEMPORARY + 3;

/// What stays in a register from the first instruction to the last: where the program keeps its values, the UART, the sum of what was printed,
/// the system table, the block with name and nonce, and fw_cfg.
const FRAME: Register = SAVED - 1;
const PORT: Register = SAVED;
const SUM: Register = SAVED + 1;
const SYSTEM: Register = SAVED + 2;
const BLOCK: Register = SAVED + 3;
const FILES: Register = SAVED + 4;
/// What a subroutine has for itself.
const OWN: [Register; 4] = [SAVED + 5, SAVED + 6, SAVED + 7, SAVED + 8];

/// In the frame: a value for the firmware to write, the image's handle, a variable, then the caller's registers.
const VALUE: i16 = 0;
const IMAGE: i16 = 8;
const VARIABLE: i16 = 16;
const VARIABLE_BYTES: u16 = 1024;
const CALLERS: i16 = VARIABLE + VARIABLE_BYTES as i16;
const FRAME_BYTES: i16 = CALLERS + 96;

/// The endings, in the order of [`After`].
const HANG: u16 = 1;
const RETURN_TO_FIRMWARE: u16 = 2;
const RESET: u16 = 6;
const WRITE_BOOT_NEXT: u16 = 7;
const WRITE_BOOT_ORDER: u16 = 8;
const RETURN_SUCCESS: u16 = 9;
const IDLE: u16 = 10;
const WRITE_OS_INDICATIONS: u16 = 12;

/// What a digit above 9 is more than its value.
const LOWER_CASE: u16 = b'a' as u16 - 10;
const UPPER_CASE: u16 = b'A' as u16 - 10;

/// Places in the block that `payload` fills in.
const AFTER: i16 = 16;
const NAME_LENGTH: i16 = 17;
const NONCE: i16 = 32;
const NAME: i16 = 48;

/// The finished file, with an empty block in it.
///
/// # Errors
///
/// [`ImageError::Payload`] if the program does not fit together.
pub(crate) fn application(block: &[u8]) -> Result<Vec<u8>, ImageError> {
    let code = Program::new().write(block)?;
    Ok(pe_header::application(pe_header::LOONGARCH64, &code))
}

/// Whether the program ends so.
pub(crate) fn can(after: After) -> bool {
    !matches!(after, After::RebootKeyboardController | After::RebootPortCf9 | After::TripleFault | After::Install)
}

/// The instructions, and the places of its subroutines.
struct Program {
    code: Code,
    /// Data that stands behind the instructions.
    data: Vec<(Label, Vec<u8>)>,
    byte: Label,
    digit: Label,
    value: Label,
    raw: Label,
    hex: Label,
    variable: Label,
    numbers: Label,
    protocol: Label,
    path: Label,
    long: Label,
    file: Label,
    write_once: Label,
}

impl Program {
    fn new() -> Program {
        let mut code = Code::default();
        let mut label = || code.label();
        let [byte, digit, value, raw, hex, variable] = std::array::from_fn(|_| label());
        let [numbers, protocol, path, long, file, write_once] = std::array::from_fn(|_| label());
        let data = Vec::new();
        Program { code, data, byte, digit, value, raw, hex, variable, numbers, protocol, path, long, file, write_once }
    }

    fn write(mut self, block: &[u8]) -> Result<Vec<u8>, ImageError> {
        self.main(block);
        self.print_byte();
        self.print_digit();
        self.print_value();
        self.print_bytes(self.raw, Program::print_raw_byte);
        self.print_bytes(self.hex, Program::print_hex_byte);
        self.get_variable();
        self.print_numbers();
        self.get_protocol();
        self.print_path();
        self.read_long();
        self.print_file();
        self.write_a_variable();
        for (label, bytes) in std::mem::take(&mut self.data) {
            self.code.data(label, &bytes);
        }
        self.code.into_bytes()
    }

    fn main(&mut self, block: &[u8]) {
        let callers = [RETURN_ADDRESS, FRAME, PORT, SUM, SYSTEM, BLOCK, FILES].into_iter().chain(OWN);
        let places = || callers.clone().zip((CALLERS..).step_by(8));
        self.code.add_immediate(STACK, STACK, -FRAME_BYTES);
        places().for_each(|(register, at)| self.code.store_double(register, STACK, at));
        self.code.copy(FRAME, STACK);
        self.code.store_double(A0, FRAME, IMAGE);
        self.code.copy(SYSTEM, A1);
        self.code.load_word(PORT, UART);
        self.code.load_word(FILES, FW_CFG);
        let block = self.data(block);
        self.code.load_address(BLOCK, block);
        self.line();
        let back = self.code.label();
        self.end(back);
        self.code.place(back);
        places().for_each(|(register, at)| self.code.load_double(register, STACK, at));
        self.code.add_immediate(STACK, STACK, FRAME_BYTES);
        self.code.leave();
    }

    /// Prints the line whose grammar `src/lib.rs` has.
    fn line(&mut self) {
        self.say("\r\n");
        self.code.copy(SUM, ZERO);
        self.say("BOOTWRIGHT/1 nonce=");
        self.code.add_immediate(A0, BLOCK, NONCE);
        self.code.load_immediate(A1, 16);
        self.code.call(self.hex);
        self.say(" medium=");
        self.code.add_immediate(A0, BLOCK, NAME);
        self.code.load_byte(A1, BLOCK, NAME_LENGTH);
        self.code.call(self.raw);
        self.say(" via=uefi arch=loongarch64 boot-current=");
        self.call_with(self.numbers, &wide("BootCurrent"));
        self.say(" boot-order=");
        self.call_with(self.numbers, &wide("BootOrder"));
        self.say(" boot-next=");
        self.call_with(self.numbers, &wide("BootNext"));
        self.say(" secure-boot=");
        self.secure_boot();
        self.paths();
        self.say(" bootorder=");
        self.call_with(self.file, &file_name("bootorder"));
        self.say(" bios-geometry=");
        self.call_with(self.file, &file_name("bios-geometry"));
        self.say(" tsc=");
        self.code.load_time(A0);
        self.code.load_immediate(T0, NANOSECONDS_OF_A_TICK);
        self.code.multiply(A0, A0, T0);
        self.digits(16, LOWER_CASE);
        self.code.copy(OWN[0], SUM);
        self.say(" sum=");
        self.code.copy(A0, OWN[0]);
        self.digits(4, LOWER_CASE);
        self.say(" end\r\n");
        self.wait_for(TRANSMITTER_EMPTY);
    }

    /// One digit, 0 or 1; anything else is none.
    fn secure_boot(&mut self) {
        let [none, done] = [self.code.label(), self.code.label()];
        self.call_with(self.variable, &wide("SecureBoot"));
        self.code.branch_if(If::NotEqual(A0, ZERO), none);
        self.code.load_byte(A0, FRAME, VARIABLE);
        self.code.load_immediate(T0, 1);
        self.code.branch_if(If::Below(T0, A0), none);
        self.digits(1, LOWER_CASE);
        self.code.branch(done);
        self.code.place(none);
        self.print('-');
        self.code.place(done);
    }

    /// The path of the device that the program was loaded from, that of its file, and what the boot option gave it; where there is no
    /// loaded image, all are none.
    fn paths(&mut self) {
        let [image, protocol] = [self.data(&LOADED_IMAGE), self.data(&DEVICE_PATH)];
        let [no_device, no_file] = [self.code.label(), self.code.label()];
        self.code.load_double(A0, FRAME, IMAGE);
        self.code.load_address(A1, image);
        self.code.call(self.protocol);
        self.code.copy(OWN[0], A0);
        self.say(" device-path=");
        self.code.copy(A0, OWN[0]);
        self.code.branch_if(If::Equal(A0, ZERO), no_device);
        self.code.load_double(A0, OWN[0], IMAGE_DEVICE_HANDLE);
        self.code.load_address(A1, protocol);
        self.code.call(self.protocol);
        self.code.place(no_device);
        self.code.call(self.path);
        self.say(" file-path=");
        self.code.copy(A0, OWN[0]);
        self.code.branch_if(If::Equal(A0, ZERO), no_file);
        self.code.load_double(A0, OWN[0], IMAGE_FILE_PATH);
        self.code.place(no_file);
        self.code.call(self.path);
        self.say(" load-options=");
        self.load_options(OWN[0]);
    }

    fn load_options(&mut self, image: Register) {
        let [none, done] = [self.code.label(), self.code.label()];
        self.code.branch_if(If::Equal(image, ZERO), none);
        self.code.load_half(A1, image, IMAGE_LOAD_OPTIONS_SIZE);
        self.code.branch_if(If::Equal(A1, ZERO), none);
        self.code.load_double(A0, image, IMAGE_LOAD_OPTIONS);
        self.code.branch_if(If::Equal(A0, ZERO), none);
        self.code.call(self.hex);
        self.code.branch(done);
        self.code.place(none);
        self.print('-');
        self.code.place(done);
    }

    /// What the block says of the end; the label leads back into the firmware, with a status.
    fn end(&mut self, back: Label) {
        self.code.load_byte(T0, BLOCK, AFTER);
        let [write, off] = [self.code.label(), self.code.label()];
        for ending in [WRITE_BOOT_NEXT, WRITE_BOOT_ORDER, WRITE_OS_INDICATIONS] {
            self.code.load_immediate(T1, ending);
            self.code.branch_if(If::Equal(T0, T1), write);
        }
        let endings = [HANG, IDLE, RETURN_TO_FIRMWARE, RETURN_SUCCESS, RESET];
        let [hang, idle, not_found, success, reset] = endings.map(|ending| {
            let label = self.code.label();
            self.code.load_immediate(T1, ending);
            self.code.branch_if(If::Equal(T0, T1), label);
            label
        });
        self.code.place(off);
        self.reset(SHUTDOWN);
        self.code.place(hang);
        self.code.copy(T0, ZERO);
        self.code.load_immediate(T1, INTERRUPTS);
        self.code.change_mode(T0, T1);
        self.code.place(idle);
        let waits = self.code.here();
        self.code.idle();
        self.code.branch(waits);
        self.code.place(write);
        self.code.copy(A0, T0);
        self.code.call(self.write_once);
        self.code.branch_if(If::Equal(A0, ZERO), off);
        self.code.place(reset);
        self.reset(COLD);
        self.code.branch(hang);
        self.code.place(not_found);
        self.code.load_immediate(A0, NOT_FOUND);
        self.code.load_upper(A0, A0, -2048);
        self.code.branch(back);
        self.code.place(success);
        self.code.copy(A0, ZERO);
    }

    fn reset(&mut self, kind: u16) {
        self.code.load_immediate(A0, kind);
        [A1, A2, A3].into_iter().for_each(|register| self.code.copy(register, ZERO));
        self.service(RUNTIME_SERVICES, RESET_SYSTEM);
    }

    /// Calls a function of the firmware.
    fn service(&mut self, table: i16, function: i16) {
        self.code.load_double(T0, SYSTEM, table);
        self.code.load_double(T0, T0, function);
        self.code.call_register(T0);
    }

    /// Prints a byte and adds it up.
    fn print_byte(&mut self) {
        self.code.place(self.byte);
        self.wait_for(THR_EMPTY);
        self.code.store_byte(A0, PORT, 0);
        self.code.add(SUM, SUM, A0);
        self.code.leave();
    }

    fn wait_for(&mut self, status: u16) {
        let again = self.code.here();
        self.code.load_byte(T0, PORT, LINE_STATUS);
        self.code.and_immediate(T0, T0, status);
        self.code.branch_if(If::Equal(T0, ZERO), again);
    }

    /// Prints a digit; the second argument is the case of its letter.
    fn print_digit(&mut self) {
        let small = self.code.label();
        self.code.place(self.digit);
        self.code.load_immediate(T0, 10);
        self.code.branch_if(If::Below(A0, T0), small);
        self.code.add(A0, A0, A1);
        self.code.branch(self.byte);
        self.code.place(small);
        self.code.add_immediate(A0, A0, b'0'.into());
        self.code.branch(self.byte);
    }

    /// Prints the digits of a number, the first of them as many bits from the right as the third argument says.
    fn print_value(&mut self) {
        let [number, bits, letters, _] = OWN;
        self.enter(self.value);
        self.code.copy(number, A0);
        self.code.copy(letters, A1);
        self.code.copy(bits, A2);
        let next = self.code.here();
        self.code.shift_right_by(A0, number, bits);
        self.code.and_immediate(A0, A0, 15);
        self.code.copy(A1, letters);
        self.code.call(self.digit);
        self.code.add_immediate(bits, bits, -4);
        self.code.branch_if(If::NotLess(bits, ZERO), next);
        self.exit();
    }

    /// A subroutine that prints as many bytes as its second argument says, from the address that is its first.
    fn print_bytes(&mut self, subroutine: Label, each: fn(&mut Program)) {
        let [at, end, ..] = OWN;
        let done = self.code.label();
        self.enter(subroutine);
        self.code.copy(at, A0);
        self.code.add(end, A0, A1);
        let next = self.code.here();
        self.code.branch_if(If::Equal(at, end), done);
        self.code.load_byte(A0, at, 0);
        each(self);
        self.code.add_immediate(at, at, 1);
        self.code.branch(next);
        self.code.place(done);
        self.exit();
    }

    fn print_raw_byte(&mut self) {
        self.code.call(self.byte);
    }

    fn print_hex_byte(&mut self) {
        self.digits(2, LOWER_CASE);
    }

    /// Reads a variable of the specification's own namespace by its name; gives a status back.
    fn get_variable(&mut self) {
        self.enter(self.variable);
        self.read_variable(&GLOBAL_VARIABLE);
        self.exit();
    }

    /// The variable whose name the first argument is the address of.
    fn read_variable(&mut self, namespace: &[u8]) {
        let namespace = self.data(namespace);
        self.code.load_immediate(T0, VARIABLE_BYTES);
        self.code.store_double(T0, FRAME, VALUE);
        self.code.load_address(A1, namespace);
        self.code.copy(A2, ZERO);
        self.code.add_immediate(A3, FRAME, VALUE);
        self.code.add_immediate(A4, FRAME, VARIABLE);
        self.service(RUNTIME_SERVICES, GET_VARIABLE);
    }

    /// Gives what lies in the frame to a variable, as many bytes as stand there.
    fn set_variable(&mut self, namespace: &[u8], name: &str) {
        let [namespace, name] = [self.data(namespace), self.data(&wide(name))];
        self.code.load_address(A0, name);
        self.code.load_address(A1, namespace);
        self.code.load_immediate(A2, ATTRIBUTES);
        self.code.load_double(A3, FRAME, VALUE);
        self.code.add_immediate(A4, FRAME, VARIABLE);
        self.service(RUNTIME_SERVICES, SET_VARIABLE);
    }

    fn put_value(&mut self, value: u16, bytes: u16) {
        for (number, at) in [(value, VARIABLE), (bytes, VALUE)] {
            self.code.load_immediate(T0, number);
            self.code.store_double(T0, FRAME, at);
        }
    }

    /// Writes what the first argument, an ending, says of BootNext, BootOrder or OsIndications, once for each variable store; 0 where
    /// that was done before or cannot be done (`payload/efi/boot_variables.rs`).
    fn write_a_variable(&mut self) {
        let [what, own, at, end] = OWN;
        let [no, order, indications, mark, done] = std::array::from_fn(|_| self.code.label());
        let name = self.data(&wide(OWN_NAME));
        self.enter(self.write_once);
        self.code.copy(what, A0);
        self.code.load_address(A0, name);
        self.read_variable(&OWN_VARIABLE);
        self.code.branch_if(If::Equal(A0, ZERO), no);
        self.code.load_immediate(T0, WRITE_OS_INDICATIONS);
        self.code.branch_if(If::Equal(what, T0), indications);
        self.find_behind_own([own, at, end], no);
        self.code.load_half(T1, at, 0);
        self.code.load_immediate(T0, WRITE_BOOT_ORDER);
        self.code.branch_if(If::Equal(what, T0), order);
        self.code.load_immediate(T0, 2);
        self.code.store_double(T0, FRAME, VALUE);
        self.code.store_half(T1, FRAME, VARIABLE);
        self.set_variable(&GLOBAL_VARIABLE, "BootNext");
        self.code.branch(mark);
        self.code.place(order);
        self.code.store_half(T1, at, -2);
        self.code.store_half(own, at, 0);
        self.set_variable(&GLOBAL_VARIABLE, "BootOrder");
        self.code.branch(mark);
        self.code.place(indications);
        self.put_value(BOOT_TO_FW_UI, OS_INDICATIONS_BYTES);
        self.set_variable(&GLOBAL_VARIABLE, "OsIndications");
        self.code.place(mark);
        self.code.branch_if(If::NotEqual(A0, ZERO), no);
        self.put_value(1, 1);
        self.set_variable(&OWN_VARIABLE, OWN_NAME);
        self.code.branch_if(If::NotEqual(A0, ZERO), no);
        self.code.load_immediate(A0, 1);
        self.code.branch(done);
        self.code.place(no);
        self.code.copy(A0, ZERO);
        self.code.place(done);
        self.exit();
    }

    /// Leaves BootOrder in the frame, the number of the current option in the first register, and in the second the place behind it.
    fn find_behind_own(&mut self, [own, at, end]: [Register; 3], no: Label) {
        self.call_with(self.variable, &wide("BootCurrent"));
        self.code.branch_if(If::NotEqual(A0, ZERO), no);
        self.code.load_half(own, FRAME, VARIABLE);
        self.call_with(self.variable, &wide("BootOrder"));
        self.code.branch_if(If::NotEqual(A0, ZERO), no);
        self.code.add_immediate(at, FRAME, VARIABLE);
        self.code.load_double(end, FRAME, VALUE);
        self.code.add(end, at, end);
        let next = self.code.here();
        self.code.branch_if(If::NotBelow(at, end), no);
        self.code.load_half(T0, at, 0);
        self.code.add_immediate(at, at, 2);
        self.code.branch_if(If::NotEqual(T0, own), next);
        self.code.branch_if(If::NotBelow(at, end), no);
    }

    /// Prints the numbers of 16 bits in a variable.
    fn print_numbers(&mut self) {
        let [at, end, ..] = OWN;
        let [none, done] = [self.code.label(), self.code.label()];
        self.enter(self.numbers);
        self.code.call(self.variable);
        self.code.branch_if(If::NotEqual(A0, ZERO), none);
        self.code.add_immediate(at, FRAME, VARIABLE);
        self.code.load_double(end, FRAME, VALUE);
        self.code.add(end, at, end);
        let next = self.code.here();
        self.code.load_half(A0, at, 0);
        self.digits(4, UPPER_CASE);
        self.code.add_immediate(at, at, 2);
        let more = self.code.label();
        self.code.branch_if(If::Below(at, end), more);
        self.code.branch(done);
        self.code.place(more);
        self.print(',');
        self.code.branch(next);
        self.code.place(none);
        self.print('-');
        self.code.place(done);
        self.exit();
    }

    /// The interface of a handle by its protocol's identifier; 0 where it has none.
    fn get_protocol(&mut self) {
        let none = self.code.label();
        self.enter(self.protocol);
        self.code.add_immediate(A2, FRAME, VALUE);
        self.service(BOOT_SERVICES, HANDLE_PROTOCOL);
        self.code.copy(T0, A0);
        self.code.copy(A0, ZERO);
        self.code.branch_if(If::NotEqual(T0, ZERO), none);
        self.code.load_double(A0, FRAME, VALUE);
        self.code.place(none);
        self.exit();
    }

    /// Prints a device path up to its end node (specification, section 10.3.1), of which no field is aligned.
    fn print_path(&mut self) {
        let [node, length, kind, subtype] = OWN;
        let [none, done] = [self.code.label(), self.code.label()];
        self.enter(self.path);
        self.code.branch_if(If::Equal(A0, ZERO), none);
        self.code.copy(node, A0);
        let next = self.code.here();
        self.code.load_byte(kind, node, 0);
        self.code.load_byte(subtype, node, 1);
        self.code.load_byte(length, node, 2);
        self.code.load_byte(T0, node, 3);
        self.code.shift_left(T0, T0, 8);
        self.code.or(length, length, T0);
        self.code.copy(A0, node);
        self.code.copy(A1, length);
        self.code.call(self.hex);
        self.code.add(node, node, length);
        // a node is as long as its header at least
        self.code.load_immediate(T0, 4);
        self.code.branch_if(If::Below(length, T0), done);
        for (register, value) in [(kind, 0x7f), (subtype, 0xff)] {
            self.code.load_immediate(T0, value);
            self.code.branch_if(If::NotEqual(register, T0), next);
        }
        self.code.branch(done);
        self.code.place(none);
        self.print('-');
        self.code.place(done);
        self.exit();
    }

    /// A big-endian number of 32 bits out of fw_cfg.
    fn read_long(&mut self) {
        self.code.place(self.long);
        self.code.copy(A0, ZERO);
        self.code.load_immediate(T1, 4);
        let next = self.code.here();
        self.code.load_byte(T0, FILES, 0);
        self.code.shift_left(A0, A0, 8);
        self.code.or(A0, A0, T0);
        self.code.add_immediate(T1, T1, -1);
        self.code.branch_if(If::NotEqual(T1, ZERO), next);
        self.code.leave();
    }

    /// Prints a file of fw_cfg by its name, which zeros fill up.
    fn print_file(&mut self) {
        let [name, left, size, selector] = OWN;
        let [none, done, found] = [self.code.label(), self.code.label(), self.code.label()];
        self.enter(self.file);
        self.code.copy(name, A0);
        self.code.load_word(T0, DIRECTORY.into());
        self.code.store_half(T0, FILES, FW_CFG_SELECTOR);
        self.code.call(self.long);
        self.code.copy(left, A0);
        let next = self.code.here();
        self.code.branch_if(If::Equal(left, ZERO), none);
        self.code.add_immediate(left, left, -1);
        self.code.call(self.long);
        self.code.copy(size, A0);
        // the selector goes back as it came, and two bytes behind it say nothing
        self.code.load_byte(selector, FILES, 0);
        self.code.load_byte(T0, FILES, 0);
        self.code.shift_left(T0, T0, 8);
        self.code.or(selector, selector, T0);
        (0..2).for_each(|_| self.code.load_byte(T0, FILES, 0));
        self.compare_name(name);
        self.code.branch_if(If::Equal(T3, ZERO), found);
        self.code.branch(next);
        self.code.place(found);
        self.code.store_half(selector, FILES, FW_CFG_SELECTOR);
        self.print_content(size, left, done);
        self.code.place(none);
        self.print('-');
        self.code.place(done);
        self.exit();
    }

    /// Reads a name out of fw_cfg; T3 is 0 where it is this one.
    fn compare_name(&mut self, name: Register) {
        self.code.copy(T1, name);
        self.code.add_immediate(T2, name, FILE_NAME_BYTES as i16);
        self.code.copy(T3, ZERO);
        let [same, next] = [self.code.label(), self.code.here()];
        self.code.load_byte(T0, FILES, 0);
        self.code.load_byte(A0, T1, 0);
        self.code.branch_if(If::Equal(T0, A0), same);
        self.code.load_immediate(T3, 1);
        self.code.place(same);
        self.code.add_immediate(T1, T1, 1);
        self.code.branch_if(If::NotEqual(T1, T2), next);
    }

    /// Prints what is left of a file: characters that are neither printable nor plain as two digits behind a percent sign.
    fn print_content(&mut self, left: Register, byte: Register, done: Label) {
        let coded = self.code.label();
        let next = self.code.here();
        self.code.branch_if(If::Equal(left, ZERO), done);
        self.code.add_immediate(left, left, -1);
        self.code.load_byte(A0, FILES, 0);
        self.code.load_immediate(T0, b'!'.into());
        self.code.branch_if(If::Below(A0, T0), coded);
        self.code.load_immediate(T0, b'~'.into());
        self.code.branch_if(If::Below(T0, A0), coded);
        self.code.load_immediate(T0, b'%'.into());
        self.code.branch_if(If::Equal(A0, T0), coded);
        self.code.call(self.byte);
        self.code.branch(next);
        self.code.place(coded);
        self.code.copy(byte, A0);
        self.print('%');
        self.code.copy(A0, byte);
        self.digits(2, LOWER_CASE);
        self.code.branch(next);
    }

    /// Begins a subroutine that calls others: what it has for itself is the caller's again at its [`exit`](Self::exit).
    fn enter(&mut self, subroutine: Label) {
        self.code.place(subroutine);
        self.code.add_immediate(STACK, STACK, -48);
        for (register, at) in [RETURN_ADDRESS].into_iter().chain(OWN).zip((0..).step_by(8)) {
            self.code.store_double(register, STACK, at);
        }
    }

    fn exit(&mut self) {
        for (register, at) in [RETURN_ADDRESS].into_iter().chain(OWN).zip((0..).step_by(8)) {
            self.code.load_double(register, STACK, at);
        }
        self.code.add_immediate(STACK, STACK, 48);
        self.code.leave();
    }

    fn data(&mut self, bytes: &[u8]) -> Label {
        let label = self.code.label();
        self.data.push((label, bytes.to_vec()));
        label
    }

    /// Calls a subroutine with the address of this.
    fn call_with(&mut self, subroutine: Label, bytes: &[u8]) {
        let label = self.data(bytes);
        self.code.load_address(A0, label);
        self.code.call(subroutine);
    }

    fn say(&mut self, text: &str) {
        let label = self.data(text.as_bytes());
        self.code.load_address(A0, label);
        self.code.load_immediate(A1, text.len() as u16);
        self.code.call(self.raw);
    }

    fn print(&mut self, character: char) {
        self.code.load_immediate(A0, character as u16);
        self.code.call(self.byte);
    }

    /// Prints so many of the lowest digits of the first argument.
    fn digits(&mut self, count: u16, letters: u16) {
        self.code.load_immediate(A1, letters);
        self.code.load_immediate(A2, 4 * (count - 1));
        self.code.call(self.value);
    }
}

/// UTF-16 with a NUL behind it.
fn wide(name: &str) -> Vec<u8> {
    name.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect()
}

fn file_name(name: &str) -> Vec<u8> {
    let mut bytes = name.as_bytes().to_vec();
    bytes.resize(FILE_NAME_BYTES, 0);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_fits_together_and_carries_the_block_once() {
        let block = *b"a block that payload fills in...";
        let file = application(&block).unwrap();
        assert_eq!(file.windows(block.len()).filter(|bytes| **bytes == block).count(), 1);
        assert!(file.len() < 4096, "{}", file.len());
        assert_eq!(file.len() % 512, 0);
    }

    #[test]
    fn a_table_of_the_firmware_is_read_where_the_specification_has_its_functions() {
        // a header of 24 bytes, then pointers: ResetSystem is the eleventh, HandleProtocol the seventeenth
        assert_eq!([GET_VARIABLE, RESET_SYSTEM, HANDLE_PROTOCOL].map(|at| (at - 24) / 8), [6, 10, 16]);
        assert_eq!(DIRECTORY.to_le_bytes(), [0, 0x19]);
        const { assert!(FRAME_BYTES % 16 == 0 && FRAME_BYTES < 2048) };
    }

    #[test]
    fn the_mark_that_it_leaves_is_that_of_the_other_programs() {
        let other = include_str!("../payload/efi/firmware.rs");
        let guid = "Guid(0xb007_1216, 0x5c1e, 0x4d8a, [0x9b, 0x3e, 0x61, 0x0c, 0xd2, 0x7f, 0x48, 0xe5])";
        assert!(other.contains(guid) && other.contains(&format!("OWN_NAME: &str = \"{OWN_NAME}\"")));
        assert_eq!(OWN_VARIABLE[..8], [0x16, 0x12, 0x07, 0xb0, 0x1e, 0x5c, 0x8a, 0x4d]);
        assert_eq!((SET_VARIABLE - 24) / 8, 8);
    }

    #[test]
    fn an_ending_that_needs_what_the_program_has_not_is_not_one_of_its() {
        let no = [After::RebootPortCf9, After::RebootKeyboardController, After::TripleFault, After::Install];
        assert!(no.iter().all(|after| !can(*after)) && can(After::Exit));
    }
}
