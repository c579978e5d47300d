//! The guest's processors as QEMU's human monitor shows them (`info registers -a`; `x86_cpu_dump_state` in QEMU's
//! `target/i386/cpu-dump.c`, `aarch64_cpu_dump_state` and `arm_cpu_dump_state` in its `target/arm/cpu.c`).

/// One processor at one moment. A program that QEMU translates in one piece keeps the address at which it was entered, so that
/// `next` can be older than the registers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Processor {
    /// Linear address of the next instruction.
    pub next: u64,
    /// General registers, the stack pointer among them, in QEMU's order.
    pub general: Vec<u64>,
    /// Whether it waits for an interrupt; `None` where QEMU does not say.
    pub halted: Option<bool>,
    /// Whether it takes interrupts.
    pub interruptible: bool,
}

/// DAIF.I of Arm's PSTATE, CPSR.I with 32 bits: interrupts are masked (Arm ARM C5.2.19).
const MASKED: u64 = 1 << 7;

/// IF of x86's FLAGS (Intel SDM volume 1, 3.4.3).
const INTERRUPTS: u64 = 1 << 9;

/// Every processor of the machine; none where the text is of another architecture.
pub fn read(text: &str) -> Vec<Processor> {
    let parts = text.split("CPU#").skip(1);
    let read: Option<Vec<Processor>> = parts.map(one).collect();
    read.unwrap_or_default()
}

fn one(text: &str) -> Option<Processor> {
    let mut processor = Processor::default();
    let (mut next, mut flags) = (None, None);
    let (mut base, mut fifteenth, mut is_arm) = (0, None, false);
    // `R8 =0000`, `X01=0000`, `HLT=1`
    let mut words = text.split_whitespace().peekable();
    while let Some(word) = words.next() {
        let joined = match words.peek() {
            Some(rest) if rest.starts_with('=') => format!("{word}{}", words.next()?),
            _ => word.to_owned(),
        };
        let Some((name, value)) = joined.split_once('=') else { continue };
        let Ok(number) = u64::from_str_radix(value, 16) else { continue };
        match name {
            "EIP" | "RIP" | "PC" => next = Some(number),
            "EFL" | "RFL" => flags = Some(number & INTERRUPTS != 0),
            "PSTATE" => flags = Some(number & MASKED == 0),
            "PSR" => (flags, is_arm) = (Some(number & MASKED == 0), true),
            // selector, then base: `CS =f000 000f0000 0000ffff 00009b00`
            "CS" => base = words.peek().and_then(|base| u64::from_str_radix(base, 16).ok()).unwrap_or_default(),
            "HLT" => processor.halted = Some(number == 1),
            _ if is_general(name) => {
                processor.general.push(number);
                fifteenth = (name == "R15").then_some(number).or(fifteenth);
            }
            _ => {}
        }
    }
    // with 32 bits Arm's register 15 is the address of the next instruction, and comes last
    if is_arm {
        next = fifteenth;
        processor.general.pop();
    }
    processor.next = base.wrapping_add(next?);
    processor.interruptible = flags?;
    (!processor.general.is_empty()).then_some(processor)
}

/// `EAX` to `ESP`, `RAX` to `R15`, `X00` to `X30` and `SP`, `R00` to `R15`.
fn is_general(name: &str) -> bool {
    let Some((first, rest)) = name.split_at_checked(1) else { return false };
    match first {
        "E" | "R" => {
            matches!(rest, "AX" | "BX" | "CX" | "DX" | "SI" | "DI" | "BP" | "SP") || rest.parse::<u8>().is_ok()
        }
        "X" => rest.parse::<u8>().is_ok(),
        _ => name == "SP",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SeaBIOS 1.16.2 in `cli; hlt` on QEMU 7.2.
    pub const HALTED: &str = "
CPU#0
EAX=00000002 EBX=00000000 ECX=00006ff8 EDX=00000000
ESI=00000000 EDI=00000000 EBP=00000000 ESP=00007000
EIP=000ef722 EFL=00000046 [---Z-P-] CPL=0 II=0 A20=1 SMM=0 HLT=1
ES =0010 00000000 ffffffff 00c09300 DPL=0 DS   [-WA]
CS =0008 00000000 ffffffff 00c09b00 DPL=0 CS32 [-RA]
DR6=ffff0ff0 DR7=00000400
";

    #[test]
    fn a_processor_of_32_bits_is_read() {
        let read = read(HALTED);
        let wanted = Processor {
            next: 0xef722,
            general: vec![2, 0, 0x6ff8, 0, 0, 0, 0, 0x7000],
            halted: Some(true),
            interruptible: false,
        };
        assert_eq!(read, [wanted]);
    }

    #[test]
    fn in_real_mode_an_address_has_its_segment() {
        let real = HALTED.replace("CS =0008 00000000", "CS =f000 000f0000").replace("EIP=000ef722", "EIP=00007c10");
        assert_eq!(read(&real)[0].next, 0xf7c10);
    }

    #[test]
    fn processors_of_64_bits_are_read_with_their_numbered_registers() {
        let one = "CPU#0\nRAX=0000000000000001 RBX=0000000000000002\nR8 =0000000000000003 R9 =0000000000000004\n\
                   R10=0000000000000005 R15=0000000000000006\n\
                   RIP=000000007feeac85 RFL=00000246 [---Z-P-] CPL=0 II=0 A20=1 SMM=0 HLT=0\nES =0030 0 0 0\n";
        let read = read(&format!("\r\n{one}\r\n{}", one.replace("CPU#0", "CPU#1").replace("HLT=0", "HLT=1")));
        assert_eq!(read.len(), 2);
        assert_eq!((read[0].next, &read[0].general[..]), (0x7fee_ac85, &[1, 2, 3, 4, 5, 6][..]));
        assert_eq!((read[0].interruptible, read[0].halted, read[1].halted), (true, Some(false), Some(true)));
    }

    #[test]
    fn an_arm_processor_says_nothing_of_being_halted() {
        let text = "CPU#0\n PC=000000013fb1c0a4 X00=0000000000000001 X01=000000013ffff000\nX30=000000013fb1c0a0 SP=000000013fffe000\n\
                    PSTATE=600003c5 -ZC- EL1h     FPU disabled\n";
        let read = read(text);
        let general = vec![1, 0x1_3fff_f000, 0x1_3fb1_c0a0, 0x1_3fff_e000];
        let wanted = Processor { next: 0x1_3fb1_c0a4, general, halted: None, interruptible: false };
        assert_eq!(read, [wanted]);
    }

    #[test]
    fn an_arm_processor_of_32_bits_has_its_next_instruction_in_a_general_register() {
        let text = "CPU#0\nR00=00000001 R01=4fffe000 R02=00000003\nR13=4fffdf00 R14=4fb1c0a0 R15=4fb1c0a4\nPSR=600001d3 -ZC- A S svc32\n";
        let general = vec![1, 0x4fff_e000, 3, 0x4fff_df00, 0x4fb1_c0a0];
        let wanted = Processor { next: 0x4fb1_c0a4, general, halted: None, interruptible: false };
        assert_eq!(read(text), [wanted]);
        assert!(read(&text.replace("600001d3", "60000153"))[0].interruptible);
    }

    #[test]
    fn what_is_not_known_is_no_processor() {
        for text in ["", "CPU#0\n", "unknown command: 'info registers'", "CPU#0\nPSW=mask 0000 addr 0000\nR00=1"] {
            assert_eq!(read(text), [], "{text}");
        }
        let unknown = HALTED.replace("EFL=", "XXX=");
        assert_eq!(read(&(HALTED.to_owned() + &unknown)), [], "all of them or none");
    }
}
