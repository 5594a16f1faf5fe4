// Counts the instructions that a library executes: a loop over chunks that single-steps its last chunk.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdint.h>
#include <ucontext.h>

static uint32_t* counts;  // by address, relative to the library
static uint64_t base, length;

static void count(int signal_number, siginfo_t* info, void* context) {
    (void)signal_number, (void)info;
    const uint64_t at = ((ucontext_t*)context)->uc_mcontext.gregs[REG_RIP] - base;
    if (at < length) ++counts[at];
}

// Counts the instructions of the library that has this function; its file has `bytes` bytes.
int count_instructions(void* function, uint32_t* into, uint64_t bytes) {
    Dl_info library;
    if (!dladdr(function, &library)) return 1;
    base = (uint64_t)library.dli_fbase, length = bytes, counts = into;
    struct sigaction action = {.sa_sigaction = count, .sa_flags = SA_SIGINFO};
    return sigaction(SIGTRAP, &action, 0);
}

// The loop, with the arguments of torch_parallel_for.
int32_t stepped_for(int64_t begin, int64_t end, int64_t grain, void (*body)(int64_t, int64_t, void*), void* context) {
    (void)grain;
    if (end - begin > 1) body(begin, end - 1, context);
    __asm__ volatile("pushfq; orq $0x100, (%%rsp); popfq" ::: "memory", "cc");
    body(end - 1, end, context);
    __asm__ volatile("pushfq; andq $~0x100, (%%rsp); popfq" ::: "memory", "cc");
    return 0;
}
