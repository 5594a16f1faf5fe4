// Runs every loop over operands of many sizes and memory layouts. Every operand has an allocation of its exact size:
// a sanitizer or valgrind detects every access out of bounds and every read of uninitialized memory.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "task.h"

namespace detloss::ISA {
Status run_elements(const Task&, ParallelFor);
Status run_binary(const Task&, ParallelFor);
Status run_rows(const Task&, ParallelFor);
Status run_pairs(const Task&, ParallelFor);
Status run_convex(const ConvexTask&, ParallelFor);
}  // namespace detloss::ISA

using namespace detloss;
using Sizes = std::vector<int64_t>;

std::mt19937 generator;

int64_t below(int64_t end) { return std::uniform_int_distribution<int64_t>(0, end - 1)(generator); }
bool one_in(int64_t n) { return below(n) == 0; }

int64_t product(const Sizes& sizes) {
    int64_t total = 1;
    for (const int64_t size : sizes) total *= size;
    return total;
}

// Three threads, including the calling thread.
int32_t threads(int64_t begin, int64_t end, int64_t, ParallelBody body, void* context) {
    const int64_t third = (end - begin) / 3;
    std::thread first(body, begin, begin + third, context), second(body, begin + third, begin + 2 * third, context);
    body(begin + 2 * third, end, context);
    first.join(), second.join();
    return 0;
}

// A task and the memory of its operands and results.
struct Call {
    Task task{};
    std::vector<std::unique_ptr<char[]>> memory;
    std::vector<int64_t> lengths;  // in bytes
    size_t first_output = 0;

    template <class T>
    T* make(int64_t count) {
        memory.emplace_back(new char[count * sizeof(T)]);
        lengths.push_back(count * sizeof(T));
        return reinterpret_cast<T*>(memory.back().get());
    }

    // Floating-point numbers, equal on all architectures; sometimes random bits, including NaN and infinity.
    const void* numbers(int64_t kind, int64_t count) {
        const bool any_bits = one_in(8);
        const auto fill = [&](auto* to, auto number) {
            for (int64_t k = 0; k < count; ++k) to[k] = number();
            return static_cast<const void*>(to);
        };
        const auto number = [&] { return float(below(1 << 20) - (1 << 19)) * 0x1p-16f; };
        const auto bits = [&] { return __builtin_bit_cast(float, uint32_t(below(int64_t(1) << 32))); };
        if (kind == float64) return fill(make<double>(count), number);
        if (kind != float32) return fill(make<uint16_t>(count), [] { return uint16_t(below(1 << 16)); });
        return any_bits ? fill(make<float>(count), bits) : fill(make<float>(count), number);
    }

    // Contiguous, or with permuted dimensions, gaps, and strides of 0.
    Operand operand(const Sizes& sizes) {
        const int64_t kind = one_in(2) ? task.arithmetic : below(4), rank = sizes.size();
        if (!rank || one_in(2)) return {numbers(kind, product(sizes)), kind, nullptr};
        auto* layout = make<int64_t>(1 + 2 * rank);
        int64_t *strides = layout + 1 + rank, length = 1;
        layout[0] = rank;
        std::copy(sizes.begin(), sizes.end(), layout + 1);
        Sizes order(rank);
        for (int64_t k = 0; k < rank; ++k) order[k] = k;
        std::shuffle(order.begin(), order.end(), generator);
        for (const int64_t k : order) {
            strides[k] = one_in(4) ? 0 : length + below(3);
            length += (sizes[k] - 1) * strides[k];
        }
        return {numbers(kind, length), kind, layout};
    }

    // Class indices: valid, ignored, background, and out of range.
    Operand indices(int64_t rows, int64_t classes) {
        auto* to = make<int64_t>(rows);
        for (int64_t k = 0; k < rows; ++k) to[k] = one_in(6) ? task.ignore_index : below(classes + 3) - one_in(9);
        return {to, int64, nullptr};
    }

    void outputs(int64_t entries, int64_t numbers, int64_t second_numbers) {
        const auto place = [&](int64_t count) -> void* {
            return task.arithmetic == float64 ? static_cast<void*>(make<double>(count)) : make<float>(count);
        };
        first_output = memory.size();
        task.value = place(task.reduction ? 1 : entries);
        if (!one_in(3)) task.d_pred = place(numbers);
        if (task.d_pred && one_in(2) && !task.indices) task.d_target = place(second_numbers);
    }

    // A hash of the results, equal for all NaN.
    template <class S>
    uint64_t digest() const {
        uint64_t written = 0;
        for (size_t k = first_output; k < memory.size(); ++k)
            for (int64_t at = 0; at < lengths[k]; at += sizeof(S)) {
                S number;
                std::memcpy(&number, memory[k].get() + at, sizeof(S));
                const double wide = number == number ? double(number) : -42.0;
                written = written * 31 + __builtin_bit_cast(uint64_t, wide);
            }
        return written;
    }

    template <class AnyTask>
    uint64_t run(Status (*loop)(const AnyTask&, ParallelFor), const AnyTask& whole) {
        if (loop(whole, threads) == unsupported) return 0;  // aspect ratios exist in the plane only
        const uint64_t written = task.arithmetic == float64 ? digest<double>() : digest<float>();
        if (written == 42) std::puts("");  // a branch at which valgrind reports uninitialized results
        return written;
    }
    uint64_t run(Status (*loop)(const Task&, ParallelFor)) { return run(loop, task); }
};

Call started(int64_t entries) {
    Call call;
    call.task.entries = entries, call.task.width = 1;
    call.task.arithmetic = below(2), call.task.reduction = below(3), call.task.divisor = double(below(5));
    call.task.label_smoothing = one_in(2) ? 0.0 : 0.125;
    for (double& constant : call.task.constants) constant = 0.5 * double(below(5));
    return call;
}

// Sizes whose product is near `count`, with a given last size.
Sizes shaped(int64_t count, int64_t last) {
    const int64_t rows = std::max<int64_t>(1, count / last), first = 1 + below(std::min<int64_t>(rows, 5));
    return one_in(3) ? Sizes{rows, last} : Sizes{first, std::max<int64_t>(1, rows / first), last};
}

uint64_t elements(int64_t count) {
    const Sizes sizes = shaped(count, 1 + below(std::min<int64_t>(count, 9)));
    Call call = started(product(sizes));
    call.task.pred = call.operand(sizes), call.task.target = call.operand(sizes);
    if (one_in(2)) call.task.weight = call.operand(sizes);
    if (one_in(2)) call.task.parameters[0] = call.operand(sizes);
    call.outputs(call.task.entries, call.task.entries, call.task.entries);
    return call.run(ISA::run_elements);
}

uint64_t binary(int64_t count) {
    const int64_t classes = 1 + below(std::min<int64_t>(count, 90));
    const Sizes sizes = shaped(count, classes);
    Call call = started(product(sizes));
    call.task.width = classes, call.task.indices = one_in(2), call.task.ignores = call.task.indices && one_in(2);
    call.task.ignore_index = below(classes);
    if (call.task.ignores && one_in(2)) call.task.reduction = mean_over_present;
    call.task.pred = call.operand(sizes);
    call.task.target = call.task.indices ? call.indices(call.task.entries / classes, classes) : call.operand(sizes);
    if (one_in(2)) call.task.weight = call.operand(sizes);
    for (Operand& parameter : call.task.parameters)
        if (one_in(2)) parameter = call.operand(sizes);
    call.outputs(call.task.entries, call.task.entries, call.task.entries);
    return call.run(ISA::run_binary);
}

uint64_t rows(int64_t count) {
    const int64_t classes = one_in(9) ? count : 1 + below(std::min<int64_t>(count, 90));
    Sizes sizes = shaped(count, classes);
    Call call = started(product(sizes) / classes);
    call.task.width = classes, call.task.indices = one_in(2), call.task.ignores = call.task.indices && one_in(2);
    call.task.ignore_index = below(classes);
    if (call.task.ignores && one_in(2)) call.task.reduction = mean_over_present;
    call.task.pred = call.operand(sizes);
    call.task.target = call.task.indices ? call.indices(call.task.entries, classes) : call.operand(sizes);
    if (one_in(2)) call.task.parameters[0] = call.operand({classes});
    sizes.pop_back();
    if (one_in(2)) call.task.weight = call.operand(sizes);
    call.outputs(call.task.entries, call.task.entries * classes, call.task.entries * classes);
    return call.run(ISA::run_rows);
}

uint64_t pairs(int64_t count) {
    const int64_t dimensions = 1 + below(3);
    Sizes sizes = shaped(count * 2 * dimensions, 2 * dimensions);
    Call call = started(product(sizes) / (2 * dimensions));
    call.task.dimensions = dimensions, call.task.measure = one_in(2), call.task.formula = below(PENALTIES);
    call.task.pred = call.operand(sizes), call.task.target = call.operand(sizes);
    sizes.pop_back();
    if (one_in(2)) call.task.weight = call.operand(sizes);
    call.outputs(call.task.entries, call.task.entries * 2 * dimensions, call.task.entries * 2 * dimensions);
    return call.run(ISA::run_pairs);
}

// Pairs of rotated rectangles (shape 0) and polygons (1), with few vertices or the maximum number, of cuboids (2) or of polytopes (3).
uint64_t convex(int64_t count) {
    const auto vertices = [] { return one_in(9) ? int64_t(64) : 3 + below(6); };
    const int64_t solid = one_in(3) ? 2 + below(2) : 0, shape = solid ? solid : below(2), second_shape = solid ? solid : below(2);
    const auto width_of = [&](int64_t each) {
        return each == 3 ? 3 * (one_in(9) ? 16 : 4 + below(5)) : each == 2 ? 7 : each ? 2 * vertices() : 5;
    };
    const int64_t width = width_of(shape), second_width = width_of(second_shape);
    const int64_t pairs = std::min<int64_t>(count, solid == 3 ? 100 : 3000);
    Call call = started(pairs);
    call.task.width = width, call.task.measure = one_in(2), call.task.formula = below(PENALTIES);
    call.task.pred = call.operand({pairs, width}), call.task.target = call.operand({pairs, second_width});
    if (one_in(2)) call.task.weight = call.operand({pairs});
    call.outputs(pairs, pairs * width, pairs * second_width);
    const uint64_t written = call.run(ISA::run_convex, ConvexTask{call.task, shape, second_shape, second_width, one_in(2)});
    return shape == 1 && second_shape == 1 ? written : 0;  // sin and cos differ between C libraries
}

// loops SEED: all sizes up to more than two registers, then sizes near multiples of blocks and chunks.
int main(int, char** arguments) {
    generator.seed(std::atoi(arguments[1]));
    Sizes counts = {255, 256, 257, 2047, 2048, 2049, 4096, 4097, 32767, 32768, 32769, 70000};
    for (int64_t count = 1; count <= 70; ++count) counts.insert(counts.end(), 4, count);
    uint64_t boxes = 0;
    for (const int64_t count : counts) {
        for (const auto loop : {elements, binary, rows}) loop(count);
        boxes = boxes * 31 + pairs(count);
        boxes = boxes * 31 + convex(count);
    }
    std::printf("all loops finished with seed %s; boxes gave %016llx\n", arguments[1], static_cast<unsigned long long>(boxes));
}
