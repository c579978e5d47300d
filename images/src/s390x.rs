//! The few instructions of z/Architecture that a payload is made of, as bytes.
//!
//! Operation codes and formats are those of the Principles of Operation (SA22-7832-13, chapter 5 for the formats, 7 and 10 for the
//! instructions). Registers are numbers from 0 to 15; a base or index of 0 stands for no register. Numbers are big-endian.

/// A storage operand: displacement, 0 to 4095, and the base register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct At(pub u16, pub u8);

impl At {
    /// Base in the upper four bits, displacement in the lower twelve.
    fn bytes(self) -> [u8; 2] {
        (u16::from(self.1) << 12 | self.0 & 0xfff).to_be_bytes()
    }
}

/// Instructions, one behind the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Code(Vec<u8>);

impl Code {
    /// The bytes so far.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// Where the next instruction will be, in bytes from the first.
    pub(crate) fn here(&self) -> usize {
        self.0.len()
    }

    /// LLILF: the 32 bits into a register of 64.
    pub(crate) fn load_immediate(&mut self, to: u8, value: u32) {
        self.put([0xc0, to << 4 | 0xf]);
        self.put(value.to_be_bytes());
    }

    /// LA: the address of an operand.
    pub(crate) fn load_address(&mut self, to: u8, at: At) {
        self.rx(0x41, to, at);
    }

    /// LH: two bytes with their sign.
    pub(crate) fn load_halfword(&mut self, to: u8, at: At) {
        self.rx(0x48, to, at);
    }

    /// IC: one byte into the lowest of a register; the others stay.
    pub(crate) fn insert_character(&mut self, to: u8, at: At) {
        self.rx(0x43, to, at);
    }

    /// AR: 32-bit addition.
    pub(crate) fn add(&mut self, to: u8, from: u8) {
        self.put([0x1a, to << 4 | from]);
    }

    /// SR of a register from itself: zero.
    pub(crate) fn clear(&mut self, register: u8) {
        self.put([0x1b, register << 4 | register]);
    }

    /// LR: 32 bits from one register to another.
    pub(crate) fn load_register(&mut self, to: u8, from: u8) {
        self.put([0x18, to << 4 | from]);
    }

    /// L: four bytes.
    pub(crate) fn load(&mut self, to: u8, at: At) {
        self.rx(0x58, to, at);
    }

    /// NILF: of the lower 32 bits of a register those of the mask stay.
    pub(crate) fn and_immediate(&mut self, register: u8, mask: u32) {
        self.put([0xc0, register << 4 | 0xb]);
        self.put(mask.to_be_bytes());
    }

    /// IC with an index register: one byte of a table into the lowest of a register.
    pub(crate) fn look_up(&mut self, to: u8, table: At, index: u8) {
        self.put([0x43, to << 4 | index]);
        self.put(table.bytes());
    }

    /// STC: the lowest byte of a register.
    pub(crate) fn store_character(&mut self, from: u8, at: At) {
        self.rx(0x42, from, at);
    }

    /// SRL: the lower 32 bits of a register are moved right.
    pub(crate) fn shift_right(&mut self, register: u8, bits: u8) {
        self.put([0x88, register << 4]);
        self.put(At(bits.into(), 0).bytes());
    }

    /// AGHI: a number of 16 bits with its sign is added to a register of 64.
    pub(crate) fn add_immediate(&mut self, register: u8, number: i16) {
        self.put([0xa7, register << 4 | 0xb]);
        self.put(number.to_be_bytes());
    }

    /// BRCT: counts a register down and branches unless it comes to zero.
    pub(crate) fn branch_on_count(&mut self, register: u8, to: usize) {
        self.relative(register << 4 | 0x6, to);
    }

    /// BRC: branches if the condition code is in the mask, whose bits from the left are the codes 0 to 3.
    pub(crate) fn branch(&mut self, mask: u8, to: usize) {
        self.relative(mask << 4 | 0x4, to);
    }

    /// SERVC, the service call of the SCLP: command word and control block (QEMU's `servc` in `target/s390x/tcg/insn-data.h.inc`; Linux'
    /// `arch/s390/include/asm/sclp.h`). Condition code 2: busy.
    pub(crate) fn service_call(&mut self, command: u8, block: u8) {
        self.put([0xb2, 0x20, 0, command << 4 | block]);
    }

    /// STAP: the address of this processor, two bytes.
    pub(crate) fn store_processor_address(&mut self, at: At) {
        self.put([0xb2, 0x12]);
        self.put(at.bytes());
    }

    /// SIGP: an order to the processor whose address is in a register.
    pub(crate) fn signal_processor(&mut self, processor: u8, order: u8) {
        self.put([0xae, processor]);
        self.put(At(order.into(), 0).bytes());
    }

    /// DIAGNOSE with this function; the subcode is in the second register.
    pub(crate) fn diagnose(&mut self, first: u8, subcode: u8, function: u16) {
        self.put([0x83, first << 4 | subcode]);
        self.put(At(function, 0).bytes());
    }

    /// Format RX without an index.
    fn rx(&mut self, operation: u8, register: u8, at: At) {
        self.put([operation, register << 4]);
        self.put(at.bytes());
    }

    /// Format RI with a distance in half-words from this instruction.
    fn relative(&mut self, second: u8, to: usize) {
        let distance = (to as i64 - self.here() as i64) / 2;
        self.put([0xa7, second]);
        self.put((distance as i16).to_be_bytes());
    }

    fn put(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.extend_from_slice(bytes.as_ref());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(write: impl FnOnce(&mut Code)) -> Vec<u8> {
        let mut code = Code::default();
        write(&mut code);
        code.into_bytes()
    }

    #[test]
    fn instructions_have_the_bytes_that_an_assembler_gives_them() {
        let base = |at| At(at, 12);
        assert_eq!(of(|code| code.load_immediate(1, 0x0076_0005)), [0xc0, 0x1f, 0, 0x76, 0, 5], "llilf %r1,7733253");
        assert_eq!(of(|code| code.load_address(2, base(0x800))), [0x41, 0x20, 0xc8, 0], "la %r2,2048(%r12)");
        assert_eq!(of(|code| code.load_halfword(4, base(8))), [0x48, 0x40, 0xc0, 8], "lh %r4,8(%r12)");
        assert_eq!(of(|code| code.insert_character(6, At(0, 4))), [0x43, 0x60, 0x40, 0], "ic %r6,0(%r4)");
        assert_eq!(of(|code| code.add(3, 6)), [0x1a, 0x36], "ar %r3,%r6");
        assert_eq!(of(|code| code.clear(6)), [0x1b, 0x66], "sr %r6,%r6");
        assert_eq!(of(|code| code.load_register(7, 3)), [0x18, 0x73], "lr %r7,%r3");
        assert_eq!(of(|code| code.load(7, At(184, 0))), [0x58, 0x70, 0, 0xb8], "l %r7,184");
        assert_eq!(of(|code| code.and_immediate(6, 15)), [0xc0, 0x6b, 0, 0, 0, 15], "nilf %r6,15");
        assert_eq!(of(|code| code.look_up(8, base(0x300), 6)), [0x43, 0x86, 0xc3, 0], "ic %r8,768(%r6,%r12)");
        assert_eq!(of(|code| code.store_character(8, At(0, 4))), [0x42, 0x80, 0x40, 0], "stc %r8,0(%r4)");
        assert_eq!(of(|code| code.shift_right(7, 4)), [0x88, 0x70, 0, 4], "srl %r7,4");
        assert_eq!(of(|code| code.add_immediate(4, -1)), [0xa7, 0x4b, 0xff, 0xff], "aghi %r4,-1");
        assert_eq!(of(|code| code.service_call(1, 2)), [0xb2, 0x20, 0, 0x12], "servc %r1,%r2");
        assert_eq!(of(|code| code.store_processor_address(base(8))), [0xb2, 0x12, 0xc0, 8], "stap 8(%r12)");
        assert_eq!(of(|code| code.signal_processor(4, 5)), [0xae, 4, 0, 5], "sigp %r0,%r4,5");
        assert_eq!(of(|code| code.diagnose(2, 3, 0x308)), [0x83, 0x23, 3, 8], "diag %r2,%r3,776");
    }

    #[test]
    fn a_branch_counts_half_words_from_itself() {
        assert_eq!(of(|code| code.branch(15, 0)), [0xa7, 0xf4, 0, 0], "j .");
        let back = of(|code| {
            code.service_call(1, 2);
            code.branch(2, 0);
            code.branch_on_count(5, 4);
        });
        assert_eq!(back[4..], [0xa7, 0x24, 0xff, 0xfe, 0xa7, 0x56, 0xff, 0xfe], "jh .-4; brct %r5,.-4");
    }
}
