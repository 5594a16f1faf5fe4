// Entry points of the library: plain C without symbols of torch. The instruction set is selected once.
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

namespace detloss {
using Scaling = void(const float* from, double factor, int64_t count, int64_t kind, void* to, ParallelFor);
}

#define DECLARE(name)                                     \
    namespace detloss::name {                             \
    Status run_elements(const Task&, ParallelFor);        \
    Status run_binary(const Task&, ParallelFor);          \
    Status run_rows(const Task&, ParallelFor);            \
    Status run_special_rows(const RowTask&, ParallelFor); \
    Status run_masks(const Task&, ParallelFor);           \
    Status run_pairs(const Task&, ParallelFor);           \
    Status run_convex(const ConvexTask&, ParallelFor);    \
    Scaling run_scaling;                                  \
    }
INSTRUCTION_SETS(DECLARE)

namespace {

using namespace detloss;

bool has(const char* name) {
#if defined(__x86_64__)
#define HAS(feature) bool(__builtin_cpu_supports(feature))  // older compilers do not know the names of levels
    __builtin_cpu_init();
    const bool v2 = HAS("sse4.2") && HAS("popcnt");
    const bool v3 = v2 && HAS("avx2") && HAS("bmi") && HAS("bmi2") && HAS("fma");
    const bool v4 = v3 && HAS("avx512f") && HAS("avx512bw") && HAS("avx512cd") && HAS("avx512dq") && HAS("avx512vl");
    return !std::strcmp(name, "v4") ? v4 : !std::strcmp(name, "v3") ? v3 : !std::strcmp(name, "v2") && v2;
#else
    return !std::strcmp(name, "native");
#endif
}

using Loop = Status (*)(const Task&, ParallelFor);
using RowLoop = Status (*)(const RowTask&, ParallelFor);
using ConvexLoop = Status (*)(const ConvexTask&, ParallelFor);

// The loops of one instruction set.
struct Kernels {
    const char* name;
    Loop elements, binary, rows, masks, pairs;
    RowLoop special_rows;
    ConvexLoop convex;
    Scaling* scaling;
};
#define KERNELS(name)                                                                                                  \
    {#name, detloss::name::run_elements, detloss::name::run_binary, detloss::name::run_rows, detloss::name::run_masks, \
     detloss::name::run_pairs, detloss::name::run_special_rows, detloss::name::run_convex, detloss::name::run_scaling},
const Kernels all[] = {INSTRUCTION_SETS(KERNELS)};  // best last

const Kernels* active = nullptr;
ParallelFor parallel_for = nullptr;

int32_t serial_for(int64_t begin, int64_t end, int64_t, ParallelBody body, void* context) {
    body(begin, end, context);
    return 0;
}

// Requests huge pages for a large result: the first access to a page costs as much as computing its thousand numbers.
void advise_huge_pages(void* result, int64_t numbers, int64_t arithmetic) {
#if defined(__linux__)
    constexpr uintptr_t huge = 1 << 21;
    const uintptr_t begin = reinterpret_cast<uintptr_t>(result), end = begin + numbers * (arithmetic == float64 ? 8 : 4);
    const uintptr_t first = (begin + huge - 1) / huge * huge, last = end / huge * huge;
    if (result && first < last) madvise(reinterpret_cast<void*>(first), last - first, MADV_HUGEPAGE);
#endif
}

void advise_huge_pages(const Task& task, int64_t numbers) {
    advise_huge_pages(task.d_pred, numbers, task.arithmetic);
    advise_huge_pages(task.d_target, numbers, task.arithmetic);
}

Status run(Loop loop, const Task& task, int64_t numbers) {
    advise_huge_pages(task, numbers);
    return loop(task, parallel_for);
}

}  // namespace

#define EXPORT extern "C" __attribute__((visibility("default")))

// Select an instruction set, the best one for an empty name, and the threads. Return its name, or null.
EXPORT const char* detloss_start(const char* name, ParallelFor threads) {
    active = nullptr;
    parallel_for = threads ? threads : serial_for;
    for (const Kernels& each : all)
        if (has(each.name) && (!*name || !std::strcmp(name, each.name))) active = &each;
    return active ? active->name : nullptr;
}

// Run a task and return its status.
EXPORT Status detloss_elements(const Task* task) { return run(active->elements, *task, task->entries); }
EXPORT Status detloss_binary(const Task* task) { return run(active->binary, *task, task->entries); }
EXPORT Status detloss_rows(const Task* task) { return run(active->rows, *task, task->entries * task->width); }
EXPORT Status detloss_special_rows(const RowTask* task) {
    advise_huge_pages(task->task, task->task.entries * task->task.width);
    return active->special_rows(*task, parallel_for);
}
EXPORT Status detloss_masks(const Task* task) { return run(active->masks, *task, task->entries * task->width); }
EXPORT Status detloss_pairs(const Task* task) { return run(active->pairs, *task, task->entries * task->width); }
EXPORT Status detloss_convex(const ConvexTask* task) { return active->convex(*task, parallel_for); }

// Multiply numbers by a factor and round the products to a 16-bit dtype.
EXPORT void detloss_scale(const float* from, double factor, int64_t count, int64_t kind, void* to) {
    active->scaling(from, factor, count, kind, to, parallel_for);
}
