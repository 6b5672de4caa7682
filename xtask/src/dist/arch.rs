//! The machines that packages are made for: this one's kind, or another by cross-compiling.

use super::{debs, done, say};
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What executables for another kind of machine are linked against.
const LIBRARIES: [&str; 3] =
    ["libc6-dev", "libgstreamer1.0-dev", "libgstreamer-plugins-base1.0-dev"];

/// A kind of machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arch {
    /// x86-64.
    Amd64,
    /// 64-bit ARM.
    Arm64,
}

impl Arch {
    /// By Debian's name.
    pub fn named(name: &str) -> Result<Self> {
        match name {
            "amd64" => Ok(Self::Amd64),
            "arm64" => Ok(Self::Arm64),
            other => bail!("packages are made for amd64 and arm64, not for {other}"),
        }
    }

    /// This machine's.
    pub fn here() -> Result<Self> {
        match std::env::consts::ARCH {
            "x86_64" => Ok(Self::Amd64),
            "aarch64" => Ok(Self::Arm64),
            other => bail!("packages are made on amd64 and arm64, not on {other}"),
        }
    }

    /// As Debian calls it.
    pub fn debian(self) -> &'static str {
        match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
        }
    }

    /// As the compiler does.
    pub fn triple(self) -> &'static str {
        match self {
            Self::Amd64 => "x86_64-unknown-linux-gnu",
            Self::Arm64 => "aarch64-unknown-linux-gnu",
        }
    }

    /// As GNU's tools do.
    fn gnu(self) -> &'static str {
        match self {
            Self::Amd64 => "x86_64-linux-gnu",
            Self::Arm64 => "aarch64-linux-gnu",
        }
    }

    /// Where what is linked against for it lies, below a build's folder.
    pub fn sysroot(self, folder: &Path) -> PathBuf {
        folder.join(format!("sysroot-{}", self.debian()))
    }

    /// Whether executables for it run here: it is this machine's, or the kernel hands them to an emulator.
    pub fn runs_here(self) -> bool {
        let handed = || {
            let name = self.triple().split('-').next().unwrap_or_default();
            Path::new("/proc/sys/fs/binfmt_misc").join(format!("qemu-{name}")).exists()
        };
        Self::here().is_ok_and(|here| here == self) || handed()
    }
}

/// What a build for another kind of machine is told.
pub struct Cross {
    /// Variables of the environment.
    pub env: Vec<(String, String)>,
    /// Flags of the compiler.
    pub flags: Vec<String>,
}

impl Cross {
    /// Looks for compiler and linker, and fetches what is linked against into `folder`, once. `c`: flags of all that is C.
    pub fn to(arch: Arch, folder: &Path, c: &[String]) -> Result<Self> {
        let (triple, gnu) = (arch.triple(), arch.gnu());
        let gcc = format!("{gnu}-gcc");
        done(Command::new(&gcc).arg("--version"))
            .with_context(|| format!("install what links for {}: gcc-{gnu}", arch.debian()))?;
        let std =
            done(Command::new(rustc()).args(["--print", "target-libdir", "--target", triple]))?;
        if !Path::new(std.trim()).is_dir() {
            bail!("the compiler has no library for {triple}: rustup target add {triple}");
        }
        let root = arch.sysroot(folder);
        if !root.exists() {
            say(&format!("fetching the libraries that are linked against, for {}", arch.debian()));
            let fresh = root.with_extension("new");
            let _ = std::fs::remove_dir_all(&fresh);
            let packages = LIBRARIES.map(str::to_owned).into_iter().collect();
            for deb in debs::fetch(arch, &folder.join("apt"), &packages)? {
                done(Command::new("dpkg-deb").arg("--extract").arg(deb).arg(&fresh))?;
            }
            std::fs::remove_dir_all(folder.join("apt"))?;
            std::fs::rename(fresh, &root)?;
        }
        let under = triple.replace('-', "_");
        let at = |name: &str| root.join(name).display().to_string();
        let pkg = [at(&format!("usr/lib/{gnu}/pkgconfig")), at("usr/share/pkgconfig")].join(":");
        let there = format!("--sysroot={}", root.display());
        let env = [
            (format!("CC_{under}"), gcc.clone()),
            (format!("AR_{under}"), format!("{gnu}-ar")),
            (format!("CFLAGS_{under}"), format!("{} {there}", c.join(" "))),
            (format!("CARGO_TARGET_{}_LINKER", under.to_uppercase()), gcc),
            ("PKG_CONFIG_ALLOW_CROSS".into(), "1".into()),
            ("PKG_CONFIG_SYSROOT_DIR".into(), root.display().to_string()),
            ("PKG_CONFIG_LIBDIR".into(), pkg),
        ];
        let flags = vec![format!("-Clink-arg={there}")];
        Ok(Self { env: env.into(), flags })
    }
}

/// The compiler, as cargo finds it.
pub fn rustc() -> PathBuf {
    std::env::var_os("RUSTC").map_or_else(|| "rustc".into(), PathBuf::from)
}
