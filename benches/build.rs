//! Builds the C++ reader of the peer simdjson.

fn main() {
    #[cfg(feature = "peers")]
    {
        let source = "src/bin/peers/parse/simdjson.cpp";
        println!("cargo:rerun-if-changed={source}");
        // Optimised in every profile, because it is measured.
        cc::Build::new()
            .cpp(true)
            .std("c++17")
            .opt_level(3)
            .define("NDEBUG", None)
            .file(source)
            .compile("peers_simdjson");
        println!("cargo:rustc-link-lib=simdjson");
    }
    println!("cargo:rerun-if-changed=build.rs");
}
