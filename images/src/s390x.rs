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

    /// STH: the lowest two bytes of a register.
    pub(crate) fn store_halfword(&mut self, from: u8, at: At) {
        self.rx(0x40, from, at);
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

    /// MVI: one byte into storage.
    pub(crate) fn move_immediate(&mut self, at: At, value: u8) {
        self.put([0x92, value]);
        self.put(at.bytes());
    }

    /// UNPK: `bytes` bytes as twice as many digits, each with the zone 0xf. The byte behind the digits is spoilt, and the one behind
    /// the bytes is read.
    pub(crate) fn unpack(&mut self, to: At, from: At, bytes: u8) {
        self.put([0xf3, (2 * bytes) << 4 | bytes]);
        self.put(to.bytes());
        self.put(from.bytes());
    }

    /// TR: each of `length` bytes is replaced by the one of the table that it counts.
    pub(crate) fn translate(&mut self, at: At, length: u8, table: At) {
        self.put([0xdc, length - 1]);
        self.put(at.bytes());
        self.put(table.bytes());
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
        assert_eq!(of(|code| code.store_halfword(3, base(8))), [0x40, 0x30, 0xc0, 8], "sth %r3,8(%r12)");
        assert_eq!(of(|code| code.insert_character(6, At(0, 4))), [0x43, 0x60, 0x40, 0], "ic %r6,0(%r4)");
        assert_eq!(of(|code| code.add(3, 6)), [0x1a, 0x36], "ar %r3,%r6");
        assert_eq!(of(|code| code.clear(6)), [0x1b, 0x66], "sr %r6,%r6");
        assert_eq!(of(|code| code.move_immediate(base(9), b' ')), [0x92, 0x20, 0xc0, 9], "mvi 9(%r12),32");
        let unpacked = of(|code| code.unpack(base(0x900), At(184, 0), 4));
        assert_eq!(unpacked, [0xf3, 0x84, 0xc9, 0, 0, 0xb8], "unpk 2304(9,%r12),184(5)");
        let translated = of(|code| code.translate(base(0x900), 8, base(0x210)));
        assert_eq!(translated, [0xdc, 7, 0xc9, 0, 0xc2, 0x10], "tr 2304(8,%r12),528(%r12)");
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
