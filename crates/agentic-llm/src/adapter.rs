//! Model adapters: one file each, and one line here.

/// Declares the adapters: their modules and the table that [`open`](crate::open()) looks schemes up in.
macro_rules! adapters {
    ($($(#[$attribute:meta])* $name:ident => $open:path,)*) => {
        $($(#[$attribute])* pub mod $name;)*

        /// The adapters that this build holds.
        pub(crate) const ADAPTERS: &[Adapter] = &[
            $($(#[$attribute])* Adapter { scheme: stringify!($name), open: $open },)*
        ];
    };
}

adapters! {
    #[cfg(feature = "local")] local => local::open_address,
    #[cfg(feature = "openai")] openai => openai::open,
    #[cfg(feature = "scripted")] scripted => scripted::open,
}

pub mod hashing;
#[cfg(feature = "onnx")]
pub mod onnx;

/// The adapters of embedding models that this build holds: what [`open_embedder`](crate::open_embedder) looks schemes up in.
pub(crate) const EMBEDDERS: &[EmbedderAdapter] = &[
    EmbedderAdapter { scheme: "hashing", open: hashing::open },
    #[cfg(feature = "onnx")]
    EmbedderAdapter { scheme: "local", open: onnx::open_address },
    #[cfg(feature = "openai")]
    EmbedderAdapter { scheme: "openai", open: openai::open_embedder },
];

/// One row of the table of embedding models.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EmbedderAdapter {
    /// What stands before the colon of an address.
    pub(crate) scheme: &'static str,
    /// Opens an embedding model by what stands after it.
    pub(crate) open: crate::open::EmbedderOpener,
}

/// One row of the table of chat models.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Adapter {
    /// What stands before the colon of an address; also the name of the cargo feature.
    pub(crate) scheme: &'static str,
    /// Opens a model by what stands after it.
    pub(crate) open: crate::open::Opener,
}
