//! The minor units of currencies (ISO 4217, list one, 2025). Knows no numbers.

/// The codes with each number of decimals. Codes without minor units, such as those of gold and of
/// tests, are left out.
const EXPONENTS: [(usize, &[&str]); 4] = [
    (
        2,
        &[
            "USD", "EUR", "GBP", "AED", "AFN", "ALL", "AMD", "ANG", "AOA", "ARS", "AUD", "AWG",
            "AZN", "BAM", "BBD", "BDT", "BGN", "BMD", "BND", "BOB", "BOV", "BRL", "BSD", "BTN",
            "BWP", "BYN", "BZD", "CAD", "CDF", "CHE", "CHF", "CHW", "CNY", "COP", "COU", "CRC",
            "CUP", "CVE", "CZK", "DKK", "DOP", "DZD", "EGP", "ERN", "ETB", "FJD", "FKP", "GEL",
            "GHS", "GIP", "GMD", "GTQ", "GYD", "HKD", "HNL", "HTG", "HUF", "IDR", "ILS", "INR",
            "IRR", "JMD", "KES", "KGS", "KHR", "KPW", "KYD", "KZT", "LAK", "LBP", "LKR", "LRD",
            "LSL", "MAD", "MDL", "MGA", "MKD", "MMK", "MNT", "MOP", "MRU", "MUR", "MVR", "MWK",
            "MXN", "MXV", "MYR", "MZN", "NAD", "NGN", "NIO", "NOK", "NPR", "NZD", "PAB", "PEN",
            "PGK", "PHP", "PKR", "PLN", "QAR", "RON", "RSD", "RUB", "SAR", "SBD", "SCR", "SDG",
            "SEK", "SGD", "SHP", "SLE", "SOS", "SRD", "SSP", "STN", "SVC", "SYP", "SZL", "THB",
            "TJS", "TMT", "TOP", "TRY", "TTD", "TWD", "TZS", "UAH", "USN", "UYU", "UZS", "VED",
            "VES", "WST", "XCD", "XCG", "YER", "ZAR", "ZMW", "ZWG",
        ],
    ),
    (
        0,
        &[
            "JPY", "KRW", "BIF", "CLP", "DJF", "GNF", "ISK", "KMF", "PYG", "RWF", "UGX", "UYI",
            "VND", "VUV", "XAF", "XOF", "XPF",
        ],
    ),
    (3, &["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"]),
    (4, &["CLF", "UYW"]),
];

/// Returns the number of decimals of a currency by its code, in any case.
pub(super) fn exponent_of(code: &str) -> Option<usize> {
    let has = |codes: &[&str]| codes.iter().any(|known| known.eq_ignore_ascii_case(code));
    EXPONENTS.iter().find(|(_, codes)| has(codes)).map(|(exponent, _)| *exponent)
}

#[cfg(test)]
mod tests {
    use super::{EXPONENTS, exponent_of};

    #[test]
    fn each_code_of_a_currency_is_three_letters_and_occurs_once() {
        let mut codes: Vec<&str> =
            EXPONENTS.iter().flat_map(|(_, codes)| *codes).copied().collect();
        let count = codes.len();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), count);
        assert!(codes.iter().all(|code| code.len() == 3));
        assert!(codes.iter().all(|code| code.bytes().all(|letter| letter.is_ascii_uppercase())));
        assert_eq!(
            ["EUR", "jpy", "Tnd", "CLF", "XAU"].map(exponent_of),
            [Some(2), Some(0), Some(3), Some(4), None]
        );
    }
}
