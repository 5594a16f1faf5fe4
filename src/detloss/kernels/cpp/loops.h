// Common parts of the loops: blocks that fit the L1 cache, fixed chunks of blocks for threads, sums in a fixed order.
#pragma once
#include "formulas.h"
#include "operands.h"

namespace detloss::ISA {

// Uninitialized memory. Not unique_ptr: <memory> is the slowest header to compile.
template <class S>
struct Buffer {
    S* const numbers;
    explicit Buffer(int64_t count) : numbers(new S[count]) {}
    Buffer(const Buffer&) = delete;
    ~Buffer() { delete[] numbers; }
};

// A flag that any thread may set.
class Flag {
    int32_t value = 0;

  public:
    void set() { __atomic_store_n(&value, 1, __ATOMIC_RELAXED); }
    bool is_set() const { return __atomic_load_n(&value, __ATOMIC_RELAXED); }
};

constexpr int64_t block_numbers = 2048;  // per block, of each operand
constexpr int64_t blocks_in_chunk = 16;  // fixed: sums do not depend on the number of threads

// Calls `work(begin, count)` for every block, on torch's threads; the sum of its results.
template <class Work>
double over_blocks(int64_t entries, int64_t block, ParallelFor parallel_for, const Work& work) {
    const int64_t chunk = block * blocks_in_chunk, chunks = (entries + chunk - 1) / chunk;
    const auto chunk_total = [&](int64_t k) {
        double total = 0.0;
        const int64_t end = std::min(entries, (k + 1) * chunk);
        for (int64_t begin = k * chunk; begin < end; begin += block) total += work(begin, std::min(block, end - begin));
        publish();
        return total;
    };
    if (chunks <= 1) return chunks ? chunk_total(0) : 0.0;
    const Buffer<double> buffer(chunks);
    double* const totals = buffer.numbers;
    const auto body = [&](int64_t begin, int64_t end) {
        for (int64_t k = begin; k < end; ++k) totals[k] = chunk_total(k);
    };
    using Body = decltype(body);
    parallel_for(0, chunks, 1, [](int64_t begin, int64_t end, void* of) { (*static_cast<Body*>(of))(begin, end); },
                 const_cast<void*>(static_cast<const void*>(&body)));
    double total = 0.0;
    for (int64_t k = 0; k < chunks; ++k) total += totals[k];
    return total;
}

constexpr int64_t streaming_bytes = 1 << 21;  // more than the L2 cache

// The destination of a derivative. A large one is written with streaming stores, which do not read the memory first.
template <class S>
struct Sink {
    S* to = nullptr;
    bool streams = false;

    static Sink of(S* to, int64_t numbers_in_all) {
        return {to, numbers_in_all * int64_t(sizeof(S)) >= streaming_bytes && reinterpret_cast<uintptr_t>(to) % register_bytes == 0};
    }
    template <class L>
    INLINE void put(L numbers, int64_t at) const {
        if (streams && at % L::count == 0) numbers.stream(to + at);
        else numbers.store(to + at);
    }
};

// The results of a block: in place, or in a buffer if they are only summed, do not fill a register, or have another dtype.
template <class S, class To = S>
class Output {
    To* to;
    S* buffer;

  public:
    S* at;
    Output(void* base, int64_t begin, int64_t count, int64_t width, S* buffer, int64_t least)
        : to(base ? static_cast<To*>(base) + begin * width : nullptr), buffer(buffer), at(buffer) {
        if constexpr (std::is_same_v<S, To>)
            if (to && count >= least) at = to;
    }
    Sink<S> sink(int64_t numbers_in_all) const { return Sink<S>::of(at, at == buffer ? 0 : numbers_in_all); }
    void finish(int64_t count, int64_t width) const {
        if (to && at == buffer) convert(buffer, count * width, to);
    }
};

// One number for all elements, or one per element.
template <class S>
struct Parameter {
    const S* each;
    S all;
    template <class L>
    INLINE L at(int64_t k) const {
        return each ? L::load(each + k) : L(all);
    }
};

INLINE int64_t present_rows(const Task& task, int64_t rows) {
    if (!task.indices || !task.ignores) return rows;
    const auto* classes = static_cast<const int64_t*>(task.target.data);
    return rows - std::count(classes, classes + rows, task.ignore_index);
}

INLINE double divisor_of(const Task& task, int64_t present) {
    return task.reduction == mean_over_present ? double(present) : task.reduction == mean_over_divisor ? task.divisor : 1.0;
}

// 1 / divisor, or 0 if the divisor is 0.
template <class S>
S reciprocal(double divisor) {
    return S(divisor == 0.0 ? 0.0 : 1.0 / divisor);
}

template <class S>
void store_total(const Task& task, double total, double divisor) {
    if (task.reduction == sum) *static_cast<S*>(task.value) = S(total);
    if (task.reduction > sum) *static_cast<S*>(task.value) = S(divisor == 0.0 ? 0.0 : total / divisor);
}

}  // namespace detloss::ISA
