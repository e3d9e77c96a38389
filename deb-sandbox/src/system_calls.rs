//! The system calls that are left to a process that reads packages.

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64"))]
mod filter {
    use std::collections::BTreeMap;

    use seccompiler::{
        BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition,
        SeccompFilter, SeccompRule,
    };

    /// Gives up every system call but those for standard input and output, memory and the end. Returns whether the kernel has a filter.
    pub(crate) fn give_up() -> bool {
        program().is_ok_and(|program| seccompiler::apply_filter(&program).is_ok())
    }

    /// What is not allowed fails, and does not kill: the standard library tries one thing or another that it can do without.
    fn program() -> Result<BpfProgram, BackendError> {
        let any = [
            libc::SYS_brk,
            libc::SYS_munmap,
            libc::SYS_mremap,
            libc::SYS_madvise,
            libc::SYS_futex,
            libc::SYS_getrandom,
            libc::SYS_clock_gettime,
            libc::SYS_sigaltstack,
            libc::SYS_rt_sigaction,
            libc::SYS_rt_sigprocmask,
            libc::SYS_rt_sigreturn,
            libc::SYS_restart_syscall,
            libc::SYS_exit,
            libc::SYS_exit_group,
        ];
        let mut rules: BTreeMap<i64, Vec<SeccompRule>> = any.map(|call| (call, Vec::new())).into();
        rules.insert(libc::SYS_read, vec![only(0, SeccompCmpOp::Eq, 0)?]);
        rules.insert(libc::SYS_write, vec![only(0, SeccompCmpOp::Eq, 1)?]);
        // Memory, but none that can be run, and none that is a file: the process may have inherited open ones.
        let executable = u64::from(libc::PROT_EXEC.unsigned_abs());
        let anonymous = u64::from(libc::MAP_ANONYMOUS.unsigned_abs());
        let not_run = condition(2, SeccompCmpOp::MaskedEq(executable), 0)?;
        let no_file = condition(3, SeccompCmpOp::MaskedEq(anonymous), anonymous)?;
        rules.insert(libc::SYS_mmap, vec![SeccompRule::new(vec![not_run.clone(), no_file])?]);
        rules.insert(libc::SYS_mprotect, vec![SeccompRule::new(vec![not_run])?]);
        let refuse = SeccompAction::Errno(libc::EPERM.unsigned_abs());
        let architecture = std::env::consts::ARCH.try_into()?;
        SeccompFilter::new(rules, refuse, SeccompAction::Allow, architecture)?.try_into()
    }

    /// A rule about one argument of a call.
    fn only(argument: u8, compare: SeccompCmpOp, value: u64) -> Result<SeccompRule, BackendError> {
        SeccompRule::new(vec![condition(argument, compare, value)?])
    }

    /// What one argument of a call must be.
    fn condition(argument: u8, compare: SeccompCmpOp, value: u64) -> Result<SeccompCondition, BackendError> {
        SeccompCondition::new(argument, SeccompCmpArgLen::Dword, compare, value)
    }
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64")))]
mod filter {
    /// Gives up nothing: no filter is written for this architecture.
    pub(crate) fn give_up() -> bool {
        false
    }
}

pub(crate) use filter::give_up;
