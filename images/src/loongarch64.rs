//! The few instructions of LoongArch that a payload is made of, as words, and places in it that are not known yet.
//!
//! Operation codes and formats are those of the LoongArch Reference Manual, volume 1 (version 1.10, chapter 2 for the instructions,
//! appendix B for the encodings). Registers are numbers from 0 to 31, register 0 holds zero. Words are little-endian.

use crate::ImageError;

/// A general register.
pub(crate) type Register = u8;

/// Holds zero.
pub(crate) const ZERO: Register = 0;
/// Where a subroutine returns to.
pub(crate) const RETURN_ADDRESS: Register = 1;
/// Grows downwards, 16 bytes at a time.
pub(crate) const STACK: Register = 3;
/// The first of eight registers for arguments; the first two hold results (LoongArch ELF psABI, section "Registers").
pub(crate) const ARGUMENT: Register = 4;
/// The first of nine registers that a subroutine may change.
pub(crate) const TEMPORARY: Register = 12;
/// The first of nine registers that a subroutine leaves as they were.
pub(crate) const SAVED: Register = 23;

/// A place in the code or in the data behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Label(usize);

/// Which registers a branch compares, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum If {
    /// BEQ.
    Equal(Register, Register),
    /// BNE.
    NotEqual(Register, Register),
    /// BLTU: the first is below the second, as numbers without a sign.
    Below(Register, Register),
    /// BGEU: the first is not below the second, as numbers without a sign.
    NotBelow(Register, Register),
    /// BGE: the first is not below the second, as numbers with a sign.
    NotLess(Register, Register),
}

/// A field of an instruction that holds the distance to a label, in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Distance {
    /// 16 bits from bit 10.
    Of16,
    /// 26 bits, the lower 16 from bit 10 and the upper 10 from bit 0.
    Of26,
    /// 20 bits from bit 5.
    Of20,
}

/// Instructions, one behind the other, then data.
#[derive(Clone, Debug, Default)]
pub(crate) struct Code {
    bytes: Vec<u8>,
    /// Offset in bytes of each label that was placed.
    labels: Vec<Option<usize>>,
    /// Offset of an instruction, its field, and where it leads.
    open: Vec<(usize, Distance, Label)>,
    /// Offset of the first instruction with a number that has more than 12 bits.
    too_large: Option<usize>,
}

impl Code {
    /// A place that is said later.
    pub(crate) fn label(&mut self) -> Label {
        self.labels.push(None);
        Label(self.labels.len() - 1)
    }

    /// The label is here.
    pub(crate) fn place(&mut self, label: Label) {
        self.labels[label.0] = Some(self.bytes.len());
    }

    /// A label that is here.
    pub(crate) fn here(&mut self) -> Label {
        let label = self.label();
        self.place(label);
        label
    }

    /// Data at a label, filled up to whole words.
    pub(crate) fn data(&mut self, label: Label, bytes: &[u8]) {
        self.place(label);
        self.bytes.extend_from_slice(bytes);
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }

    /// The bytes, once every distance is known.
    ///
    /// # Errors
    ///
    /// [`ImageError::Payload`] for a label that was never placed, or lies too far from where it is used.
    pub(crate) fn into_bytes(mut self) -> Result<Vec<u8>, ImageError> {
        let fault = |problem: String| ImageError::Payload { payload: "loongarch64 EFI application", problem };
        if let Some(at) = self.too_large {
            return Err(fault(format!("the number of the instruction at byte {at} does not fit into 12 bits")));
        }
        for (at, field, label) in self.open {
            let to = self.labels[label.0].ok_or_else(|| fault(format!("no place for what byte {at} refers to")))?;
            let words = (to as i64 - at as i64) / 4;
            let bits = match field {
                Distance::Of16 => 16,
                Distance::Of20 => 20,
                Distance::Of26 => 26,
            };
            let reach = 1_i64 << (bits - 1);
            if !(-reach..reach).contains(&words) {
                return Err(fault(format!("{words} words from byte {at} do not fit into {bits} bits")));
            }
            let value = words as u32 & ((1 << bits) - 1);
            let value = match field {
                Distance::Of16 => value << 10,
                Distance::Of20 => value << 5,
                Distance::Of26 => (value & 0xffff) << 10 | value >> 16,
            };
            for (byte, part) in self.bytes[at..at + 4].iter_mut().zip(value.to_le_bytes()) {
                *byte |= part;
            }
        }
        Ok(self.bytes)
    }

    /// ADDI.D: a number of 12 bits with its sign is added.
    pub(crate) fn add_immediate(&mut self, to: Register, from: Register, number: i16) {
        self.immediate(0x02c0_0000, to, from, number);
    }

    /// ORI of register 0: a number of 12 bits without a sign.
    pub(crate) fn load_immediate(&mut self, to: Register, number: u16) {
        self.unsigned(0x0380_0000, to, ZERO, number);
    }

    /// LU12I.W, then ORI: a number of 32 bits, of which bit 31 is clear.
    pub(crate) fn load_word(&mut self, to: Register, number: u32) {
        self.put(0x1400_0000 | (number >> 12) << 5 | u32::from(to));
        self.unsigned(0x0380_0000, to, to, (number & 0xfff) as u16);
    }

    /// LU52I.D: a number of 12 bits becomes the upper ones of a register of 64.
    pub(crate) fn load_upper(&mut self, to: Register, from: Register, number: i16) {
        self.immediate(0x0300_0000, to, from, number);
    }

    /// ANDI: of a register those bits of 12 stay that the mask has.
    pub(crate) fn and_immediate(&mut self, to: Register, from: Register, mask: u16) {
        self.unsigned(0x0340_0000, to, from, mask);
    }

    /// PCADDI: the address of a label.
    pub(crate) fn load_address(&mut self, to: Register, label: Label) {
        self.open.push((self.bytes.len(), Distance::Of20, label));
        self.put(0x1800_0000 | u32::from(to));
    }

    /// OR with register 0: 64 bits from one register to another.
    pub(crate) fn copy(&mut self, to: Register, from: Register) {
        self.registers(0x0015_0000, to, from, ZERO);
    }

    /// OR.
    pub(crate) fn or(&mut self, to: Register, one: Register, other: Register) {
        self.registers(0x0015_0000, to, one, other);
    }

    /// ADD.D.
    pub(crate) fn add(&mut self, to: Register, one: Register, other: Register) {
        self.registers(0x0010_8000, to, one, other);
    }

    /// MUL.D: the lower 64 bits of a product.
    pub(crate) fn multiply(&mut self, to: Register, one: Register, other: Register) {
        self.registers(0x001d_8000, to, one, other);
    }

    /// SRL.D: moved right by as many bits as a register says.
    pub(crate) fn shift_right_by(&mut self, to: Register, from: Register, bits: Register) {
        self.registers(0x0019_0000, to, from, bits);
    }

    /// SLLI.D: moved left by fewer than 64 bits.
    pub(crate) fn shift_left(&mut self, to: Register, from: Register, bits: u8) {
        self.registers(0x0041_0000, to, from, 0);
        self.amend(u32::from(bits & 63) << 10);
    }

    /// LD.BU: one byte.
    pub(crate) fn load_byte(&mut self, to: Register, base: Register, offset: i16) {
        self.immediate(0x2a00_0000, to, base, offset);
    }

    /// LD.HU: two bytes.
    pub(crate) fn load_half(&mut self, to: Register, base: Register, offset: i16) {
        self.immediate(0x2a40_0000, to, base, offset);
    }

    /// LD.D: eight bytes.
    pub(crate) fn load_double(&mut self, to: Register, base: Register, offset: i16) {
        self.immediate(0x28c0_0000, to, base, offset);
    }

    /// ST.B: the lowest byte.
    pub(crate) fn store_byte(&mut self, from: Register, base: Register, offset: i16) {
        self.immediate(0x2900_0000, from, base, offset);
    }

    /// ST.H: the lowest two bytes.
    pub(crate) fn store_half(&mut self, from: Register, base: Register, offset: i16) {
        self.immediate(0x2940_0000, from, base, offset);
    }

    /// ST.D: eight bytes.
    pub(crate) fn store_double(&mut self, from: Register, base: Register, offset: i16) {
        self.immediate(0x29c0_0000, from, base, offset);
    }

    /// B.
    pub(crate) fn branch(&mut self, to: Label) {
        self.open.push((self.bytes.len(), Distance::Of26, to));
        self.put(0x5000_0000);
    }

    /// BL: calls a subroutine of this code.
    pub(crate) fn call(&mut self, to: Label) {
        self.open.push((self.bytes.len(), Distance::Of26, to));
        self.put(0x5400_0000);
    }

    /// JIRL: calls the subroutine whose address is in a register.
    pub(crate) fn call_register(&mut self, to: Register) {
        self.put(0x4c00_0000 | u32::from(to) << 5 | u32::from(RETURN_ADDRESS));
    }

    /// JIRL without a link: returns.
    pub(crate) fn leave(&mut self) {
        self.put(0x4c00_0000 | u32::from(RETURN_ADDRESS) << 5);
    }

    /// Branches if it holds.
    pub(crate) fn branch_if(&mut self, condition: If, to: Label) {
        let (operation, first, second) = match condition {
            If::Equal(first, second) => (0x5800_0000, first, second),
            If::NotEqual(first, second) => (0x5c00_0000, first, second),
            If::NotLess(first, second) => (0x6400_0000, first, second),
            If::Below(first, second) => (0x6800_0000, first, second),
            If::NotBelow(first, second) => (0x6c00_0000, first, second),
        };
        self.open.push((self.bytes.len(), Distance::Of16, to));
        self.put(operation | u32::from(first) << 5 | u32::from(second));
    }

    /// RDTIME.D: the stable counter.
    pub(crate) fn load_time(&mut self, to: Register) {
        self.put(0x0000_6800 | u32::from(to));
    }

    /// CSRXCHG of CRMD: of the current mode those bits change that the mask has.
    pub(crate) fn change_mode(&mut self, bits: Register, mask: Register) {
        self.put(0x0400_0000 | u32::from(mask) << 5 | u32::from(bits));
    }

    /// IDLE: waits for an interrupt.
    pub(crate) fn idle(&mut self) {
        self.put(0x0648_8000);
    }

    /// Format 2RI12: registers in the lowest ten bits, then a number with its sign.
    fn immediate(&mut self, operation: u32, to: Register, from: Register, number: i16) {
        self.check((-0x800..0x800).contains(&number));
        self.put(operation | u32::from(number.cast_unsigned() & 0xfff) << 10 | u32::from(from) << 5 | u32::from(to));
    }

    /// The same with a number without a sign.
    fn unsigned(&mut self, operation: u32, to: Register, from: Register, number: u16) {
        self.check(number < 0x1000);
        self.put(operation | u32::from(number & 0xfff) << 10 | u32::from(from) << 5 | u32::from(to));
    }

    fn check(&mut self, fits: bool) {
        let at = self.bytes.len();
        self.too_large = self.too_large.or((!fits).then_some(at));
    }

    /// Format 3R.
    fn registers(&mut self, operation: u32, to: Register, one: Register, other: Register) {
        self.put(operation | u32::from(other) << 10 | u32::from(one) << 5 | u32::from(to));
    }

    fn amend(&mut self, bits: u32) {
        let at = self.bytes.len() - 4;
        for (byte, part) in self.bytes[at..].iter_mut().zip(bits.to_le_bytes()) {
            *byte |= part;
        }
    }

    fn put(&mut self, word: u32) {
        self.bytes.extend(word.to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Instructions as words.
    fn of(write: impl FnOnce(&mut Code)) -> Vec<u32> {
        let mut code = Code::default();
        write(&mut code);
        let bytes = code.into_bytes().unwrap();
        bytes.chunks_exact(4).map(|word| u32::from_le_bytes(word.try_into().unwrap())).collect()
    }

    #[test]
    fn instructions_have_the_words_that_an_assembler_gives_them() {
        let (a0, a1, a2, t0, t1) = (4, 5, 6, 12, 13);
        assert_eq!(of(|code| code.add_immediate(a0, STACK, -16)), [0x02ff_c064], "addi.d $a0,$sp,-16");
        assert_eq!(of(|code| code.load_immediate(t0, 0x20)), [0x0380_800c], "ori $t0,$zero,0x20");
        assert_eq!(of(|code| code.load_word(t0, 0x1fe0_0020)), [0x143f_c00c, 0x0380_818c], "lu12i.w; ori");
        assert_eq!(of(|code| code.load_upper(a0, a1, -2048)), [0x0320_00a4], "lu52i.d $a0,$a1,-2048");
        assert_eq!(of(|code| code.and_immediate(t0, a1, 255)), [0x0343_fcac], "andi $t0,$a1,255");
        assert_eq!(of(|code| code.copy(a0, a1)), [0x0015_00a4], "or $a0,$a1,$zero");
        assert_eq!(of(|code| code.add(a0, a1, a2)), [0x0010_98a4], "add.d $a0,$a1,$a2");
        assert_eq!(of(|code| code.multiply(a0, a1, a2)), [0x001d_98a4], "mul.d $a0,$a1,$a2");
        assert_eq!(of(|code| code.shift_right_by(a0, a1, a2)), [0x0019_18a4], "srl.d $a0,$a1,$a2");
        assert_eq!(of(|code| code.shift_left(a0, a1, 8)), [0x0041_20a4], "slli.d $a0,$a1,8");
        assert_eq!(of(|code| code.load_byte(a0, a1, 5)), [0x2a00_14a4], "ld.bu $a0,$a1,5");
        assert_eq!(of(|code| code.load_half(a0, a1, 2)), [0x2a40_08a4], "ld.hu $a0,$a1,2");
        assert_eq!(of(|code| code.load_double(a0, a1, 72)), [0x28c1_20a4], "ld.d $a0,$a1,72");
        assert_eq!(of(|code| code.store_byte(a0, a1, 0)), [0x2900_00a4], "st.b $a0,$a1,0");
        assert_eq!(of(|code| code.store_half(a0, a1, 8)), [0x2940_20a4], "st.h $a0,$a1,8");
        assert_eq!(of(|code| code.store_double(a0, STACK, 8)), [0x29c0_2064], "st.d $a0,$sp,8");
        assert_eq!(of(|code| code.call_register(t0)), [0x4c00_0181], "jirl $ra,$t0,0");
        assert_eq!(of(Code::leave), [0x4c00_0020], "jirl $zero,$ra,0");
        assert_eq!(of(|code| code.load_time(a0)), [0x0000_6804], "rdtime.d $a0,$zero");
        assert_eq!(of(|code| code.change_mode(t1, t0)), [0x0400_018d], "csrxchg $t1,$t0,0");
        assert_eq!(of(Code::idle), [0x0648_8000], "idle 0");
    }

    #[test]
    fn a_distance_is_counted_in_words_from_the_instruction_forth_and_back() {
        let (a0, a1) = (4, 5);
        let forth = |write: &dyn Fn(&mut Code, Label)| {
            of(|code| {
                let there = code.label();
                write(code, there);
                code.leave();
                code.place(there);
            })[0]
        };
        assert_eq!(forth(&|code, to| code.call(to)), 0x5400_0800, "bl .+8");
        assert_eq!(forth(&|code, to| code.branch_if(If::Equal(a0, a1), to)), 0x5800_0885, "beq $a0,$a1,.+8");
        assert_eq!(forth(&|code, to| code.branch_if(If::Below(a0, a1), to)), 0x6800_0885, "bltu $a0,$a1,.+8");
        assert_eq!(forth(&|code, to| code.branch_if(If::NotBelow(a0, a1), to)), 0x6c00_0885, "bgeu $a0,$a1,.+8");
        assert_eq!(forth(&|code, to| code.load_address(a0, to)), 0x1800_0044, "pcaddi $a0,2");
        let back = of(|code| {
            let here = code.here();
            code.leave();
            code.leave();
            code.branch_if(If::NotEqual(a0, a1), here);
            code.leave();
            code.branch_if(If::NotLess(a0, ZERO), here);
            code.branch(here);
        });
        assert_eq!([back[2], back[4]], [0x5fff_f885, 0x67ff_f080], "bne $a0,$a1,.-8; bge $a0,$zero,.-16");
        assert_eq!(back[5], 0x53ff_efff, "b .-20");
    }

    #[test]
    fn a_label_without_a_place_or_out_of_reach_is_refused() {
        let mut code = Code::default();
        let nowhere = code.label();
        code.branch(nowhere);
        assert!(code.into_bytes().unwrap_err().to_string().contains("no place for what byte 0 refers to"));
        let mut code = Code::default();
        let far = code.label();
        code.branch_if(If::Equal(1, 2), far);
        code.bytes.resize(4 << 15, 0);
        code.place(far);
        assert!(code.into_bytes().unwrap_err().to_string().contains("32768 words from byte 0 do not fit into 16 bits"));
    }

    #[test]
    fn a_number_that_does_not_fit_is_refused() {
        let refused = |write: fn(&mut Code)| {
            let mut code = Code::default();
            code.leave();
            write(&mut code);
            code.into_bytes().is_err_and(|error| error.to_string().contains("at byte 4 does not fit into 12 bits"))
        };
        assert!(refused(|code| code.load_immediate(4, 0x1000)) && !refused(|code| code.load_immediate(4, 0xfff)));
        assert!(refused(|code| code.add_immediate(4, 4, 2048)) && !refused(|code| code.add_immediate(4, 4, -2048)));
        assert!(refused(|code| code.and_immediate(4, 4, 0x1900)));
    }

    #[test]
    fn data_begins_at_a_whole_word() {
        let mut code = Code::default();
        let [first, second] = [code.label(), code.label()];
        code.data(first, b"abcde");
        code.data(second, b"f");
        assert_eq!(code.into_bytes().unwrap(), *b"abcde\0\0\0f\0\0\0");
    }
}
