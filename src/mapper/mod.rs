//! The Data Mapper: documents whose leaves are expressions.
