//! The instruction table: one row for each instruction. The rest is generated from the rows.
//!
//! To add an instruction, add a row here, implement it in `vm::machine`, and emit it in `compile`.
//! Does not know how instructions execute.

/// Generates the instruction set from its rows. `$pops => $pushes` is the stack effect: the number
/// of values taken and left. It may depend on an operand.
macro_rules! instructions {
    ($(
        $(#[doc = $doc:literal])+
        $name:ident $({ $($operand:ident: $type:ty),+ })? = $mnemonic:literal, $pops:expr => $pushes:expr;
    )+) => {
        /// An instruction of the stack machine.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Instruction {
            $(
                $(#[doc = $doc])+
                $name $({
                    $(
                        /// An operand; the row describes it.
                        $operand: $type
                    ),+
                })?,
            )+
        }

        impl Instruction {
            /// Returns the mnemonic for listings.
            pub fn mnemonic(self) -> &'static str {
                match self {
                    $(Self::$name { .. } => $mnemonic,)+
                }
            }

            /// Returns the number of values taken from the stack, and the number left, if execution
            /// continues with the next instruction.
            pub fn effect(self) -> (usize, usize) {
                match self {
                    $(Self::$name $({ $($operand),+ })? => {
                        $($(let _ = $operand;)+)?
                        ($pops, $pushes)
                    })+
                }
            }
        }

        /// Returns every instruction, for the reference.
        pub fn instruction_table() -> &'static [InstructionRow] {
            &[$(InstructionRow {
                mnemonic: $mnemonic,
                operands: &[$($(stringify!($operand)),+)?],
                doc: concat!($($doc),+),
            }),+]
        }
    };
}

/// The reference entry of an instruction.
#[derive(Debug, Clone, Copy)]
pub struct InstructionRow {
    /// The mnemonic for listings.
    pub mnemonic: &'static str,
    /// The names of its operands.
    pub operands: &'static [&'static str],
    /// The effect of the instruction.
    pub doc: &'static str,
}

// One word for each instruction, so that the code of a rule fits in a few cache lines.
const _: () = assert!(size_of::<Instruction>() == 8);

instructions! {
    /// Pushes a constant.
    Constant { constant: u32 } = "constant", 0 => 1;
    /// Pushes the value at a path: a variable or a local, and literal keys from there.
    Path { path: u32 } = "path", 0 => 1;
    /// Pushes the time of the evaluation.
    Now = "now", 0 => 1;
    /// Pushes the first active secret with a name.
    Secret { name: u32 } = "secret", 0 => 1;
    /// Pushes the list of all active secrets with a name.
    Secrets { name: u32 } = "secrets", 0 => 1;
    /// Takes a value, and stores it in a local.
    Store { slot: u16 } = "store", 1 => 0;
    /// Drops a value.
    Pop = "pop", 1 => 0;
    /// Takes a value, pushes its member under a literal key.
    Member { constant: u32 } = "member", 1 => 1;
    /// Takes a value and an index or key, and pushes the element or member.
    Index = "index", 2 => 1;
    /// Takes a value and two bounds, and pushes the part between them.
    Slice = "slice", 3 => 1;
    /// Takes a number, and pushes its negation.
    Negate = "negate", 1 => 1;
    /// Takes a value, and pushes true if it counts as false.
    Not = "not", 1 => 1;
    /// Takes two values, and pushes their sum.
    Add = "add", 2 => 1;
    /// Takes two values, and pushes their difference.
    Subtract = "subtract", 2 => 1;
    /// Takes two values, and pushes their product.
    Multiply = "multiply", 2 => 1;
    /// Takes two values, and pushes their quotient.
    Divide = "divide", 2 => 1;
    /// Takes two values, and pushes true if they are equal.
    Equal = "equal", 2 => 1;
    /// Takes two values, and pushes true if they are not equal.
    NotEqual = "not-equal", 2 => 1;
    /// Takes two values, and pushes true if the first is less than the second.
    Less = "less", 2 => 1;
    /// Takes two values, and pushes true if the first is less than or equal to the second.
    LessEqual = "less-equal", 2 => 1;
    /// Takes two values, and pushes true if the first is greater than the second.
    Greater = "greater", 2 => 1;
    /// Takes two values, and pushes true if the first is greater than or equal to the second.
    GreaterEqual = "greater-equal", 2 => 1;
    /// Takes two values, and pushes true if the second contains the first.
    In = "in", 2 => 1;
    /// Takes two values, and pushes true if the second does not contain the first.
    NotIn = "not-in", 2 => 1;
    /// Takes `count` values, and pushes a list of them.
    List { count: u32 } = "list", count as usize => 1;
    /// Takes `count` keys with their values, and pushes an object of them.
    Object { count: u32 } = "object", 2 * count as usize => 1;
    /// Takes `count` values, and pushes the string that joins them.
    Interpolate { count: u32 } = "interpolate", count as usize => 1;
    /// Takes `count` arguments, and pushes the result of the function.
    Call { function: u16, count: u32 } = "call", count as usize => 1;
    /// Continues at the target.
    Jump { target: u32 } = "jump", 0 => 0;
    /// Takes a condition. Continues at the target if it counts as false.
    JumpUnless { target: u32 } = "jump-unless", 1 => 0;
    /// If the top value counts as false, keeps it and continues at the target. Otherwise drops it.
    And { target: u32 } = "and", 1 => 0;
    /// If the top value counts as true, keeps it and continues at the target. Otherwise drops it.
    Or { target: u32 } = "or", 1 => 0;
    /// If the top value is not null, keeps it and continues at the target. Otherwise drops it.
    Coalesce { target: u32 } = "coalesce", 1 => 0;
    /// Until `end-try`, a fault continues at the target with the current stack height. Exceeded
    /// limits are not caught.
    Try { target: u32 } = "try", 0 => 0;
    /// Ends the innermost `try`, and continues at the target.
    EndTry { target: u32 } = "end-try", 0 => 0;
    /// Takes the arguments of a loop. Starts the body with the first element, or pushes the result.
    Begin { index: u32 } = "begin", 0 => 0;
    /// Takes the result of the body. Continues with the next element, or pushes the loop's result.
    Next { index: u32 } = "next", 1 => 0;
    /// If the value of a definition is cached, pushes it and continues at the target. A cached fault
    /// occurs again. Otherwise starts to measure the cost of the evaluation.
    ReadCache { definition: u16, target: u32 } = "read-cache", 0 => 0;
    /// Caches the top value as the value of a definition, for its other uses in the request.
    WriteCache { definition: u16 } = "write-cache", 1 => 1;
    /// Records the top value as the value of a part of the source, for an explanation.
    Mark { place: u32 } = "mark", 1 => 1;
    /// Ends the program with the top value as its result.
    Return = "return", 1 => 0;
}
