// The primitives of primitives.h over arrays, as C functions for float and double.
#include "primitives.h"

using namespace detloss::ISA;

template <class S, class Primitive>
void over(const S* x, const S* y, S* to, int64_t count, const Primitive& primitive) {
    for (int64_t k = 0; k < count; k += Lanes<S>::count)
        primitive(Lanes<S>::load(x + k), Lanes<S>::load(y + k)).store(to + k);
}

#define PRIMITIVE_OF(name, kind, expression)                                                  \
    extern "C" void name##_##kind(const kind* x, const kind* y, kind* to, int64_t count) {    \
        over(x, y, to, count, [](auto x, [[maybe_unused]] auto y) { return expression; });    \
    }
#define PRIMITIVE(name, expression) PRIMITIVE_OF(name, float, expression) PRIMITIVE_OF(name, double, expression)

PRIMITIVE(exp, exp(x))
PRIMITIVE(expm1, expm1(x))
PRIMITIVE(log, log(x))
PRIMITIVE(log1p, log1p(x))
PRIMITIVE(log1p_of_fraction, log1p_of_fraction(x))
PRIMITIVE(square_root, square_root(x))
PRIMITIVE(angle, angle(x, y))
PRIMITIVE(power, power(x, y))
