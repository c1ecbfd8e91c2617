//! Enums whose variants have names: in the store, on the command line and in answers. Knows no
//! meaning.

/// Defines an enum with a name for each variant. A name is stored, so it never changes.
macro_rules! named_enum {
    ($(#[$about:meta])* $kind:ident { $($(#[$doc:meta])* $variant:ident => $name:literal,)+ }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $kind {
            $($(#[$doc])* $variant,)+
        }

        impl $kind {
            /// All variants, in order.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// Returns the name.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// Returns the variant with a name.
            pub fn find(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.name() == name)
            }
        }
    };
}

pub(super) use named_enum;
