// The words of primitives.h over arrays, as plain C functions for either kind of float.
#include "primitives.h"

using namespace detloss::ISA;

template <class S, class Word>
void over(const S* x, const S* y, S* to, int64_t count, const Word& word) {
    for (int64_t k = 0; k < count; k += Lanes<S>::count)
        word(Lanes<S>::load(x + k), Lanes<S>::load(y + k)).store(to + k);
}

#define WORD_OF(name, kind, expression)                                                       \
    extern "C" void name##_##kind(const kind* x, const kind* y, kind* to, int64_t count) {    \
        over(x, y, to, count, [](auto x, [[maybe_unused]] auto y) { return expression; });    \
    }
#define WORD(name, expression) WORD_OF(name, float, expression) WORD_OF(name, double, expression)

WORD(exp, exp(x))
WORD(log, log(x))
WORD(log1p, log1p(x))
WORD(log1p_of_fraction, log1p_of_fraction(x))
WORD(angle, angle(x, y))
WORD(power, power(x, y))
