//! The instruction table: one row an instruction, and everything else is made from it.
//!
//! To add one: a row here; then the compiler asks for its meaning in the machine
//! (`vm::machine`), and it is emitted where lowering needs it (`compile`).

/// What an instruction does to the stack's height: how many values it takes, how many it leaves.
/// Instructions whose operand decides say so by a function of it.
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
                        /// An operand; the row says what it means.
                        $operand: $type
                    ),+
                })?,
            )+
        }

        impl Instruction {
            /// The word for it in listings.
            pub fn mnemonic(self) -> &'static str {
                match self {
                    $(Self::$name { .. } => $mnemonic,)+
                }
            }

            /// How many values it takes from the stack, and how many it leaves, where it goes on
            /// to the next instruction.
            pub fn effect(self) -> (usize, usize) {
                match self {
                    $(Self::$name $({ $($operand),+ })? => {
                        $($(let _ = $operand;)+)?
                        ($pops, $pushes)
                    })+
                }
            }
        }

        /// Every instruction, as the reference shows it.
        pub fn instruction_table() -> &'static [InstructionRow] {
            &[$(InstructionRow {
                mnemonic: $mnemonic,
                operands: &[$($(stringify!($operand)),+)?],
                doc: concat!($($doc),+),
            }),+]
        }
    };
}

/// What the reference shows of an instruction.
#[derive(Debug, Clone, Copy)]
pub struct InstructionRow {
    /// The word for it in listings.
    pub mnemonic: &'static str,
    /// The names of its operands.
    pub operands: &'static [&'static str],
    /// What it does.
    pub doc: &'static str,
}

// One word an instruction: the code of a rule stays in a few cache lines.
const _: () = assert!(size_of::<Instruction>() == 8);

instructions! {
    /// Pushes a constant.
    Constant { constant: u32 } = "constant", 0 => 1;
    /// Pushes what a path leads to: a root or a local, and literal keys from there.
    Path { path: u32 } = "path", 0 => 1;
    /// Pushes the time of the evaluation.
    Now = "now", 0 => 1;
    /// Pushes the first active secret of a name.
    Secret { name: u32 } = "secret", 0 => 1;
    /// Pushes the list of all active secrets of a name.
    Secrets { name: u32 } = "secrets", 0 => 1;
    /// Takes a value into a local.
    Store { slot: u16 } = "store", 1 => 0;
    /// Drops a value.
    Pop = "pop", 1 => 0;
    /// Takes a value, pushes its member under a literal key.
    Member { constant: u32 } = "member", 1 => 1;
    /// Takes a value and an index or key, pushes what is there.
    Index = "index", 2 => 1;
    /// Takes a value and two bounds, pushes the part between them.
    Slice = "slice", 3 => 1;
    /// Takes a number, pushes it with its sign turned.
    Negate = "negate", 1 => 1;
    /// Takes a value, pushes whether it counts as false.
    Not = "not", 1 => 1;
    /// Takes two values, pushes their sum.
    Add = "add", 2 => 1;
    /// Takes two values, pushes their difference.
    Subtract = "subtract", 2 => 1;
    /// Takes two values, pushes their product.
    Multiply = "multiply", 2 => 1;
    /// Takes two values, pushes their quotient.
    Divide = "divide", 2 => 1;
    /// Takes two values, pushes whether they are equal.
    Equal = "equal", 2 => 1;
    /// Takes two values, pushes whether they are not equal.
    NotEqual = "not-equal", 2 => 1;
    /// Takes two values, pushes whether the first comes before the second.
    Less = "less", 2 => 1;
    /// Takes two values, pushes whether the first does not come after the second.
    LessEqual = "less-equal", 2 => 1;
    /// Takes two values, pushes whether the first comes after the second.
    Greater = "greater", 2 => 1;
    /// Takes two values, pushes whether the first does not come before the second.
    GreaterEqual = "greater-equal", 2 => 1;
    /// Takes two values, pushes whether the second contains the first.
    In = "in", 2 => 1;
    /// Takes two values, pushes whether the second does not contain the first.
    NotIn = "not-in", 2 => 1;
    /// Takes so many values, pushes a list of them.
    List { count: u32 } = "list", count as usize => 1;
    /// Takes so many keys with their values, pushes an object of them.
    Object { count: u32 } = "object", 2 * count as usize => 1;
    /// Takes so many values, pushes the text they make.
    Interpolate { count: u32 } = "interpolate", count as usize => 1;
    /// Takes so many arguments, pushes what the function answers.
    Call { function: u16, count: u32 } = "call", count as usize => 1;
    /// Goes on at the target.
    Jump { target: u32 } = "jump", 0 => 0;
    /// Takes a condition; goes on at the target where it counts as false.
    JumpUnless { target: u32 } = "jump-unless", 1 => 0;
    /// Goes on at the target where the value on top counts as false, and keeps it; else drops it.
    And { target: u32 } = "and", 1 => 0;
    /// Goes on at the target where the value on top counts as true, and keeps it; else drops it.
    Or { target: u32 } = "or", 1 => 0;
    /// Goes on at the target where the value on top is not null, and keeps it; else drops it.
    Coalesce { target: u32 } = "coalesce", 1 => 0;
    /// Until `end-try`, a fault that is no limit goes on at the target, the stack as it is here.
    Try { target: u32 } = "try", 0 => 0;
    /// Ends the innermost `try` and goes on at the target.
    EndTry { target: u32 } = "end-try", 0 => 0;
    /// Takes a loop's arguments; begins its body with the first element, or leaves the answer.
    Begin { index: u32 } = "begin", 0 => 0;
    /// Takes the body's answer; goes on with the next element, or leaves the loop's answer.
    Next { index: u32 } = "next", 1 => 0;
    /// Notes the value on top as that of a part of the source, for an explanation.
    Mark { place: u32 } = "mark", 1 => 1;
    /// Ends the program; its answer is the value on top.
    Return = "return", 1 => 0;
}
