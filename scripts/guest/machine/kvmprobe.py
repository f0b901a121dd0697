# SPDX-License-Identifier: GPL-2.0-only
"""Run 2 million dec/jnz iterations in a KVM guest: milliseconds on real hardware.

Where KVM is emulated in software they take seconds, and a kernel does not boot. This is a
program of its own, so that it can be killed. Prints "ok", or why it could not be done.
"""
import ctypes
import fcntl
import mmap
import os
import struct

ITERATIONS = 2_000_000
KVM_CREATE_VM = 0xAE01
KVM_GET_VCPU_MMAP_SIZE = 0xAE04
KVM_CREATE_VCPU = 0xAE41
KVM_SET_USER_MEMORY_REGION = 0x4020AE46
KVM_RUN = 0xAE80
KVM_SET_REGS = 0x4090AE82
KVM_GET_SREGS = 0x8138AE83
KVM_SET_SREGS = 0x4138AE84
KVM_EXIT_HLT = 5


def probe() -> str:
    """Return "ok" or a reason; OSError if an ioctl fails."""
    kvm = os.open("/dev/kvm", os.O_RDWR | os.O_CLOEXEC)
    vm = fcntl.ioctl(kvm, KVM_CREATE_VM, 0)
    # Real mode: mov ecx, ITERATIONS; loop: dec ecx; jnz loop; hlt
    code = b"\x66\xb9" + struct.pack("<I", ITERATIONS) + b"\x66\x49\x75\xfc\xf4"
    memory = mmap.mmap(-1, 4096)
    memory.write(code)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    region = struct.pack("<IIQQQ", 0, 0, 0x1000, 4096, address)
    fcntl.ioctl(vm, KVM_SET_USER_MEMORY_REGION, region)
    vcpu = fcntl.ioctl(vm, KVM_CREATE_VCPU, 0)
    size = fcntl.ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0)
    state = mmap.mmap(vcpu, size)
    special = bytearray(0x138)
    fcntl.ioctl(vcpu, KVM_GET_SREGS, special)
    special[0:8] = bytes(8)  # cs.base
    special[12:14] = bytes(2)  # cs.selector
    fcntl.ioctl(vcpu, KVM_SET_SREGS, bytes(special))
    registers = [0] * 16 + [0x1000, 2]  # rip, rflags
    fcntl.ioctl(vcpu, KVM_SET_REGS, struct.pack("<18Q", *registers))
    fcntl.ioctl(vcpu, KVM_RUN, 0)
    (reason,) = struct.unpack_from("<I", state, 8)
    return "ok" if reason == KVM_EXIT_HLT else f"the probe ended with exit {reason}"


if __name__ == "__main__":
    try:
        print(probe())
    except OSError as problem:
        print(problem)
