// The library's entries: plain C, no symbol of torch. The best instruction set of the processor is picked once.
#include <cstdlib>
#include <cstring>

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include "task.h"

#if defined(__x86_64__)
#define INSTRUCTION_SETS(each) each(v2) each(v3) each(v4)
#else
#define INSTRUCTION_SETS(each) each(native)
#endif

#define DECLARE(name)                                     \
    namespace detloss::name {                             \
    bool run_elements(const Task&, ParallelFor);          \
    bool run_binary(const Task&, ParallelFor);            \
    bool run_rows(const Task&, ParallelFor);              \
    bool run_pairs(const Task&, ParallelFor);             \
    }
INSTRUCTION_SETS(DECLARE)

namespace {

using namespace detloss;

bool has(const char* name) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (!std::strcmp(name, "v4")) return __builtin_cpu_supports("x86-64-v4");
    if (!std::strcmp(name, "v3")) return __builtin_cpu_supports("x86-64-v3");
    if (!std::strcmp(name, "v2")) return __builtin_cpu_supports("x86-64-v2");
    return false;
#else
    return !std::strcmp(name, "native");
#endif
}

using Loop = bool (*)(const Task&, ParallelFor);

// One instruction set's loops; each returns whether it has the formula.
struct Kernels {
    const char* name;
    Loop elements, binary, rows, pairs;
};
#define KERNELS(name) \
    {#name, detloss::name::run_elements, detloss::name::run_binary, detloss::name::run_rows, detloss::name::run_pairs},
const Kernels all[] = {INSTRUCTION_SETS(KERNELS)};  // best last

const Kernels* active = nullptr;
ParallelFor parallel_for = nullptr;

int32_t serial_for(int64_t begin, int64_t end, int64_t, ParallelBody body, void* context) {
    body(begin, end, context);
    return 0;
}

// Asks for huge pages under a large result: a fresh page costs as much as calculating the thousand numbers that it holds.
void settle(void* result, int64_t numbers, int64_t arithmetic) {
#if defined(__linux__)
    constexpr uintptr_t huge = 1 << 21;
    const uintptr_t begin = reinterpret_cast<uintptr_t>(result), end = begin + numbers * (arithmetic == float64 ? 8 : 4);
    const uintptr_t first = (begin + huge - 1) / huge * huge, last = end / huge * huge;
    if (result && first < last) madvise(reinterpret_cast<void*>(first), last - first, MADV_HUGEPAGE);
#endif
}

int32_t run(Loop loop, const Task& task, int64_t numbers) {
    settle(task.d_pred, numbers, task.arithmetic);
    settle(task.d_target, numbers, task.arithmetic);
    return loop(task, parallel_for);
}

}  // namespace

#define EXPORT extern "C" __attribute__((visibility("default")))

// Picks an instruction set, the best one for an empty name, and the threads; the name picked, or null.
EXPORT const char* detloss_start(const char* wanted, ParallelFor threads) {
    active = nullptr;
    parallel_for = threads ? threads : serial_for;
    for (const Kernels& each : all)
        if (has(each.name) && (!*wanted || !std::strcmp(wanted, each.name))) active = &each;
    return active ? active->name : nullptr;
}

// Whether the kernels have what a task asks for; if so, it is done.
EXPORT int32_t detloss_elements(const Task* task) { return run(active->elements, *task, task->entries); }
EXPORT int32_t detloss_binary(const Task* task) { return run(active->binary, *task, task->entries); }
EXPORT int32_t detloss_rows(const Task* task) { return run(active->rows, *task, task->entries * task->width); }
EXPORT int32_t detloss_pairs(const Task* task) { return run(active->pairs, *task, task->entries * task->width); }
