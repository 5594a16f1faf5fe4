// Printed from formulas.py by tools/print_formulas.py: change it there.
#pragma once
#include "words.h"

namespace detloss::ISA {

struct l1 {
    static constexpr size_t inputs = 2;
    INLINE static auto of(auto pred, auto target) {
        const auto v0 = pred - target;
        const auto v1 = sign(v0);
        const auto v2 = absolute(v0);
        const auto v3 = -v1;
        return result(v2, v1, v3);
    }
};

struct l2 {
    static constexpr size_t inputs = 2;
    INLINE static auto of(auto pred, auto target) {
        const auto v0 = pred - target;
        const auto v1 = v0 * v0;
        const auto v2 = 2.0 * v0;
        const auto v3 = -2.0 * v0;
        return result(v1, v2, v3);
    }
};

struct smooth_l1 {
    static constexpr size_t inputs = 3;
    INLINE static auto of(auto pred, auto target, auto beta) {
        const auto v0 = pred - target;
        const auto v1 = absolute(v0);
        const auto v2 = v1 < beta;
        const auto v3 = where(v2, v0, 0.0);
        const auto v4 = quotient(v3, beta);
        const auto v5 = sign(v0);
        const auto v6 = where(v2, v4, v5);
        const auto v7 = v4 * v0;
        const auto v8 = 0.5 * v7;
        const auto v9 = 0.5 * beta;
        const auto v10 = v1 - v9;
        const auto v11 = where(v2, v8, v10);
        const auto v12 = -v6;
        return result(v11, v6, v12);
    }
};

struct binary_cross_entropy {
    static constexpr size_t inputs = 4;
    INLINE static auto of(auto logit, auto positive, auto negative, auto keep) {
        const auto v0 = logit >= 0.0;
        const auto v1 = -logit;
        const auto v2 = where(v0, v1, logit);
        const auto v3 = exp(v2);
        const auto v4 = logit >= 0.0;
        const auto v5 = where(v4, 1.0, v3);
        const auto v6 = logit >= 0.0;
        const auto v7 = where(v6, v3, 1.0);
        const auto v8 = logit >= 0.0;
        const auto v9 = -logit;
        const auto v10 = where(v8, 0.0, v9);
        const auto v11 = logit >= 0.0;
        const auto v12 = where(v11, logit, 0.0);
        const auto v13 = log1p_of_fraction(v3);
        const auto v14 = weighted(positive, v10);
        const auto v15 = v13 + v14;
        const auto v16 = weighted(negative, v12);
        const auto v17 = v15 + v16;
        const auto v18 = negative * v5;
        const auto v19 = positive * v7;
        const auto v20 = v18 - v19;
        const auto v21 = 1.0 + v3;
        const auto v22 = v20 / v21;
        const auto v23 = -keep;
        const auto v24 = v23 * logit;
        return result(v17, v22, v24);
    }
};

struct balanced_cross_entropy {
    static constexpr size_t inputs = 6;
    INLINE static auto of(auto logit, auto positive, auto negative, auto keep, auto positive_weight, auto negative_weight) {
        const auto v0 = logit >= 0.0;
        const auto v1 = -logit;
        const auto v2 = where(v0, v1, logit);
        const auto v3 = exp(v2);
        const auto v4 = logit >= 0.0;
        const auto v5 = where(v4, 1.0, v3);
        const auto v6 = logit >= 0.0;
        const auto v7 = where(v6, v3, 1.0);
        const auto v8 = logit >= 0.0;
        const auto v9 = -logit;
        const auto v10 = where(v8, 0.0, v9);
        const auto v11 = logit >= 0.0;
        const auto v12 = where(v11, logit, 0.0);
        const auto v13 = log1p_of_fraction(v3);
        const auto v14 = weighted(positive, v10);
        const auto v15 = v13 + v14;
        const auto v16 = weighted(negative, v12);
        const auto v17 = v15 + v16;
        const auto v18 = negative * v5;
        const auto v19 = positive * v7;
        const auto v20 = v18 - v19;
        const auto v21 = 1.0 + v3;
        const auto v22 = v20 / v21;
        const auto v23 = -keep;
        const auto v24 = v23 * logit;
        const auto v25 = positive_weight * positive;
        const auto v26 = negative_weight * negative;
        const auto v27 = v25 + v26;
        const auto v28 = positive_weight - negative_weight;
        const auto v29 = keep * v28;
        const auto v30 = weighted(v29, v17);
        const auto v31 = weighted(v27, v17);
        const auto v32 = weighted(v27, v22);
        const auto v33 = weighted(v27, v24);
        const auto v34 = v33 + v30;
        return result(v31, v32, v34);
    }
};

struct sigmoid_focal {
    static constexpr size_t inputs = 7;
    INLINE static auto of(auto logit, auto positive, auto negative, auto keep, auto positive_weight, auto negative_weight, auto gamma) {
        const auto v0 = logit >= 0.0;
        const auto v1 = -logit;
        const auto v2 = where(v0, v1, logit);
        const auto v3 = exp(v2);
        const auto v4 = logit >= 0.0;
        const auto v5 = where(v4, 1.0, v3);
        const auto v6 = logit >= 0.0;
        const auto v7 = where(v6, v3, 1.0);
        const auto v8 = logit >= 0.0;
        const auto v9 = -logit;
        const auto v10 = where(v8, v9, logit);
        const auto v11 = exp(v10);
        const auto v12 = logit >= 0.0;
        const auto v13 = where(v12, 1.0, v11);
        const auto v14 = logit >= 0.0;
        const auto v15 = where(v14, v11, 1.0);
        const auto v16 = logit >= 0.0;
        const auto v17 = -logit;
        const auto v18 = where(v16, 0.0, v17);
        const auto v19 = logit >= 0.0;
        const auto v20 = where(v19, logit, 0.0);
        const auto v21 = log1p_of_fraction(v11);
        const auto v22 = weighted(positive, v18);
        const auto v23 = v21 + v22;
        const auto v24 = weighted(negative, v20);
        const auto v25 = v23 + v24;
        const auto v26 = negative * v13;
        const auto v27 = positive * v15;
        const auto v28 = v26 - v27;
        const auto v29 = 1.0 + v11;
        const auto v30 = v28 / v29;
        const auto v31 = -keep;
        const auto v32 = v31 * logit;
        const auto v33 = positive * v7;
        const auto v34 = negative * v5;
        const auto v35 = v33 + v34;
        const auto v36 = 1.0 + v3;
        const auto v37 = v35 / v36;
        const auto v38 = positive_weight * positive;
        const auto v39 = negative_weight * negative;
        const auto v40 = v38 + v39;
        const auto v41 = power(v37, gamma);
        const auto v42 = weighted(v40, v41);
        const auto v43 = v35 * v36;
        const auto v44 = quotient(v3, v43);
        const auto v45 = weighted(v44, v25);
        const auto v46 = 0.015625 * v25;
        const auto v47 = v7 - v5;
        const auto v48 = gamma * v47;
        const auto v49 = v48 * keep;
        const auto v50 = quotient(v46, v35);
        const auto v51 = v49 * v50;
        const auto v52 = positive_weight - negative_weight;
        const auto v53 = keep * v52;
        const auto v54 = power(v37, gamma);
        const auto v55 = v53 * v54;
        const auto v56 = weighted(v55, v46);
        const auto v57 = 0.015625 * v32;
        const auto v58 = weighted(v42, v57);
        const auto v59 = weighted(v42, v51);
        const auto v60 = v58 + v59;
        const auto v61 = weighted(v42, v25);
        const auto v62 = negative - positive;
        const auto v63 = gamma * v62;
        const auto v64 = v63 * v45;
        const auto v65 = v30 + v64;
        const auto v66 = weighted(v42, v65);
        const auto v67 = v60 + v56;
        const auto v68 = 64.0 * v67;
        return result(v61, v66, v68);
    }
};

struct cross_entropy {
    static constexpr size_t inputs = 3;
    INLINE static auto of(auto nll, auto likelihood, auto missing) {
        return result(nll, 1.0);
    }
};

struct softmax_focal {
    static constexpr size_t inputs = 4;
    INLINE static auto of(auto nll, auto likelihood, auto missing, auto gamma) {
        const auto v0 = power(missing, gamma);
        const auto v1 = gamma * likelihood;
        const auto v2 = quotient(nll, missing);
        const auto v3 = weighted(v1, v2);
        const auto v4 = weighted(v0, nll);
        const auto v5 = v3 + 1.0;
        const auto v6 = v0 * v5;
        return result(v4, v6);
    }
};

struct iou {
    static constexpr size_t inputs = 7;
    INLINE static auto of(auto mismatch, auto shared, auto empty, auto distance, auto diagonal, auto turn, auto unlike) {
        const auto v0 = mismatch + shared;
        const auto v1 = quotient(shared, v0);
        const auto v2 = v0 == 0.0;
        const auto v3 = quotient(mismatch, v0);
        const auto v4 = where(v2, unlike, v3);
        const auto v5 = v0 == 0.0;
        const auto v6 = 1.0 - unlike;
        const auto v7 = where(v5, v6, v1);
        const auto v8 = quotient(v1, v0);
        const auto v9 = quotient(v4, v0);
        const auto v10 = -v9;
        return result(v4, v7, v8, v10, absent{}, absent{}, absent{}, absent{});
    }
};

struct log_iou {
    static constexpr size_t inputs = 7;
    INLINE static auto of(auto mismatch, auto shared, auto empty, auto distance, auto diagonal, auto turn, auto unlike) {
        const auto v0 = mismatch + shared;
        const auto v1 = quotient(shared, v0);
        const auto v5 = v0 == 0.0;
        const auto v6 = 1.0 - unlike;
        const auto v7 = where(v5, v6, v1);
        const auto v11 = mismatch + shared;
        const auto v12 = inverse(v11);
        const auto v13 = quotient(mismatch, shared);
        const auto v14 = v13 - v13;
        const auto v15 = v14 != 0.0;
        const auto v16 = where(v15, mismatch, 1.0);
        const auto v17 = log(v16);
        const auto v18 = where(v15, shared, 1.0);
        const auto v19 = log(v18);
        const auto v20 = v17 - v19;
        const auto v21 = where(v15, 0.0, v13);
        const auto v22 = log1p(v21);
        const auto v23 = shared > 0.0;
        const auto v24 = where(v15, v20, v22);
        const auto v25 = 87.3365447505531 * unlike;
        const auto v26 = where(v23, v24, v25);
        const auto v27 = shared > 0.0;
        const auto v28 = where(v27, v12, 0.0);
        const auto v29 = mismatch * v12;
        const auto v30 = -v29;
        const auto v31 = inverse(shared);
        const auto v32 = v30 * v31;
        return result(v26, v7, v28, v32, absent{}, absent{}, absent{}, absent{});
    }
};

struct generalized_iou {
    static constexpr size_t inputs = 7;
    INLINE static auto of(auto mismatch, auto shared, auto empty, auto distance, auto diagonal, auto turn, auto unlike) {
        const auto v0 = mismatch + shared;
        const auto v1 = quotient(shared, v0);
        const auto v2 = v0 == 0.0;
        const auto v3 = quotient(mismatch, v0);
        const auto v4 = where(v2, unlike, v3);
        const auto v5 = v0 == 0.0;
        const auto v6 = 1.0 - unlike;
        const auto v7 = where(v5, v6, v1);
        const auto v8 = quotient(v1, v0);
        const auto v9 = quotient(v4, v0);
        const auto v10 = -v9;
        const auto v11 = mismatch + shared;
        const auto v12 = v11 + empty;
        const auto v13 = inverse(v12);
        const auto v14 = v11 + empty;
        const auto v15 = v14 == 0.0;
        const auto v16 = empty * v13;
        const auto v17 = where(v15, unlike, v16);
        const auto v18 = -v17;
        const auto v19 = v18 * v13;
        const auto v20 = v4 + v17;
        const auto v21 = v7 - v17;
        const auto v22 = v8 + v19;
        const auto v23 = v10 + v19;
        const auto v24 = v11 * v13;
        const auto v25 = v24 * v13;
        return result(v20, v21, v22, v23, v25, absent{}, absent{}, absent{});
    }
};

struct distance_iou {
    static constexpr size_t inputs = 7;
    INLINE static auto of(auto mismatch, auto shared, auto empty, auto distance, auto diagonal, auto turn, auto unlike) {
        const auto v0 = mismatch + shared;
        const auto v1 = quotient(shared, v0);
        const auto v2 = v0 == 0.0;
        const auto v3 = quotient(mismatch, v0);
        const auto v4 = where(v2, unlike, v3);
        const auto v5 = v0 == 0.0;
        const auto v6 = 1.0 - unlike;
        const auto v7 = where(v5, v6, v1);
        const auto v8 = quotient(v1, v0);
        const auto v9 = quotient(v4, v0);
        const auto v10 = -v9;
        const auto v11 = quotient(distance, diagonal);
        const auto v12 = quotient(v11, diagonal);
        const auto v13 = -v12;
        const auto v14 = v4 + v11;
        const auto v15 = v7 - v11;
        const auto v16 = inverse(diagonal);
        return result(v14, v15, v8, v10, absent{}, v16, v13, absent{});
    }
};

struct complete_iou {
    static constexpr size_t inputs = 7;
    INLINE static auto of(auto mismatch, auto shared, auto empty, auto distance, auto diagonal, auto turn, auto unlike) {
        const auto v0 = mismatch + shared;
        const auto v2 = v0 == 0.0;
        const auto v3 = quotient(mismatch, v0);
        const auto v4 = where(v2, unlike, v3);
        const auto v11 = mismatch + shared;
        const auto v12 = quotient(shared, v11);
        const auto v13 = v11 == 0.0;
        const auto v14 = quotient(mismatch, v11);
        const auto v15 = where(v13, unlike, v14);
        const auto v16 = v11 == 0.0;
        const auto v17 = 1.0 - unlike;
        const auto v18 = where(v16, v17, v12);
        const auto v19 = quotient(v12, v11);
        const auto v20 = quotient(v15, v11);
        const auto v21 = -v20;
        const auto v22 = quotient(distance, diagonal);
        const auto v23 = quotient(v22, diagonal);
        const auto v24 = -v23;
        const auto v25 = v15 + v22;
        const auto v26 = v18 - v22;
        const auto v27 = inverse(diagonal);
        const auto v28 = 0.4052847345693511 * turn;
        const auto v29 = v28 * turn;
        const auto v30 = v4 + v29;
        const auto v31 = quotient(v29, v30);
        const auto v32 = constant(v31);
        const auto v33 = v32 * v29;
        const auto v34 = v25 + v33;
        const auto v35 = v26 - v33;
        const auto v36 = 0.8105694691387022 * v32;
        const auto v37 = v36 * turn;
        return result(v34, v35, v19, v21, absent{}, v27, v24, v37);
    }
};

struct corners {
    static constexpr size_t inputs = 4;
    INLINE static auto of(auto start, auto end, auto target_start, auto target_end) {
        const auto v0 = start - target_start;
        const auto v1 = end - target_end;
        const auto v2 = end - start;
        const auto v3 = target_end - target_start;
        const auto v4 = end - target_start;
        const auto v5 = target_end - start;
        const auto v6 = end - target_end;
        const auto v7 = start - target_start;
        const auto v8 = v6 - v7;
        return result(v0, v1, v2, v3, v4, v5, v8);
    }
};

struct by_corners {
    static constexpr size_t inputs = 4;
    INLINE static auto of(auto at_start, auto at_end, auto pull, auto stretch) {
        const auto v0 = at_start + pull;
        const auto v1 = v0 - stretch;
        const auto v2 = at_end + pull;
        const auto v3 = v2 + stretch;
        return result(v1, v3);
    }
};

struct corner_and_size {
    static constexpr size_t inputs = 4;
    INLINE static auto of(auto start, auto side, auto target_start, auto target_side) {
        const auto [v0a, v0b] = difference(start, target_start);
        const auto [v1a, v1b] = difference(side, target_side);
        const auto v2 = -v1a;
        const auto [v3a, v3b] = difference(v0a, v2);
        const auto v4 = -side;
        const auto [v5a, v5b] = difference(v0a, v4);
        const auto [v6a, v6b] = difference(target_side, v0a);
        const auto v7 = v0b + v1b;
        const auto v8 = v3b + v7;
        const auto v9 = v3a + v8;
        const auto v10 = v5b + v0b;
        const auto v11 = v5a + v10;
        const auto v12 = v6b - v0b;
        const auto v13 = v6a + v12;
        return result(v0a, v9, side, target_side, v11, v13, v1a);
    }
};

struct by_corner_and_size {
    static constexpr size_t inputs = 4;
    INLINE static auto of(auto at_start, auto at_end, auto pull, auto stretch) {
        const auto v0 = at_start + at_end;
        const auto v1 = 2.0 * pull;
        const auto v2 = v0 + v1;
        const auto v3 = at_end + pull;
        const auto v4 = v3 + stretch;
        return result(v2, v4);
    }
};

struct centre_and_size {
    static constexpr size_t inputs = 4;
    INLINE static auto of(auto centre, auto side, auto target_centre, auto target_side) {
        const auto [v0a, v0b] = difference(centre, target_centre);
        const auto v1 = 0.5 * side;
        const auto v2 = 0.5 * target_side;
        const auto [v3a, v3b] = difference(v1, v2);
        const auto v4 = 0.5 * side;
        const auto v5 = -0.5 * target_side;
        const auto [v6a, v6b] = difference(v4, v5);
        const auto [v7a, v7b] = difference(v0a, v3a);
        const auto v8 = -v3a;
        const auto [v9a, v9b] = difference(v0a, v8);
        const auto v10 = -v6a;
        const auto [v11a, v11b] = difference(v0a, v10);
        const auto [v12a, v12b] = difference(v6a, v0a);
        const auto v13 = v0b - v3b;
        const auto v14 = v7b + v13;
        const auto v15 = v7a + v14;
        const auto v16 = v0b + v3b;
        const auto v17 = v9b + v16;
        const auto v18 = v9a + v17;
        const auto v19 = v0b + v6b;
        const auto v20 = v11b + v19;
        const auto v21 = v11a + v20;
        const auto v22 = v6b - v0b;
        const auto v23 = v12b + v22;
        const auto v24 = v12a + v23;
        const auto v25 = side - target_side;
        return result(v15, v18, side, target_side, v21, v24, v25);
    }
};

struct by_centre_and_size {
    static constexpr size_t inputs = 4;
    INLINE static auto of(auto at_start, auto at_end, auto pull, auto stretch) {
        const auto v0 = at_start + at_end;
        const auto v1 = 2.0 * pull;
        const auto v2 = v0 + v1;
        const auto v3 = at_end - at_start;
        const auto v4 = 0.5 * v3;
        const auto v5 = v4 + stretch;
        return result(v2, v5);
    }
};

struct distances_from_a_point {
    static constexpr size_t inputs = 4;
    INLINE static auto of(auto before, auto after, auto target_before, auto target_after) {
        const auto v0 = target_before - before;
        const auto v1 = after - target_after;
        const auto v2 = before + after;
        const auto v3 = target_before + target_after;
        const auto v4 = after + target_before;
        const auto v5 = before + target_after;
        const auto v6 = after - target_after;
        const auto v7 = target_before - before;
        const auto v8 = v6 - v7;
        return result(v0, v1, v2, v3, v4, v5, v8);
    }
};

struct by_distances_from_a_point {
    static constexpr size_t inputs = 4;
    INLINE static auto of(auto at_start, auto at_end, auto pull, auto stretch) {
        const auto v0 = stretch - pull;
        const auto v1 = v0 - at_start;
        const auto v2 = at_end + pull;
        const auto v3 = v2 + stretch;
        return result(v1, v3);
    }
};

struct axis_aligned_1 {
    static constexpr size_t inputs = 4;
    template <class Penalty, class Format>
    INLINE static auto of(auto pred0, auto pred1, auto target0, auto target1) {
        const auto v0 = absolute(pred0);
        const auto v1 = absolute(pred1);
        const auto v2 = maximum(v0, v1);
        const auto v3 = absolute(target0);
        const auto v4 = maximum(v2, v3);
        const auto v5 = absolute(target1);
        const auto v6 = maximum(v4, v5);
        const auto v7 = scale(v6, 1);
        const auto v8 = pred0 * v7;
        const auto v9 = pred1 * v7;
        const auto v10 = target0 * v7;
        const auto v11 = target1 * v7;
        const auto [v12a, v12b, v12c, v12d, v12e, v12f, v12g] = Format::differences::of(v8, v9, v10, v11);
        const auto v13 = relu(v12c);
        const auto v14 = relu(v12d);
        const auto v15 = minimum(v12c, v12d);
        const auto v16 = minimum(v12e, v12f);
        const auto v17 = minimum(v15, v16);
        const auto v18 = -v12a;
        const auto v19 = relu(v18);
        const auto v20 = relu(v12b);
        const auto v21 = v19 + v20;
        const auto v22 = minimum(v21, v13);
        const auto v23 = relu(v12a);
        const auto v24 = -v12b;
        const auto v25 = relu(v24);
        const auto v26 = v23 + v25;
        const auto v27 = minimum(v26, v14);
        const auto v28 = -v17;
        const auto v29 = relu(v28);
        const auto v30 = absolute(v12c);
        const auto v31 = absolute(v12d);
        const auto v32 = maximum(v30, v31);
        const auto v33 = absolute(v12e);
        const auto v34 = absolute(v12f);
        const auto v35 = maximum(v33, v34);
        const auto v36 = absolute(v12a);
        const auto v37 = absolute(v12b);
        const auto v38 = maximum(v36, v37);
        const auto v39 = maximum(v35, v38);
        const auto v40 = maximum(v32, v39);
        const auto v41 = v17 > 0.0;
        const auto v42 = v17 == 0.0;
        const auto v43 = v12c == 0.0;
        const auto v44 = v42 & v43;
        const auto v45 = v41 | v44;
        const auto v46 = relu(v17);
        const auto v49 = pred0 * v7;
        const auto v50 = pred1 * v7;
        const auto v51 = target0 * v7;
        const auto v52 = target1 * v7;
        const auto v53 = v49 + v50;
        const auto v54 = v53 + v51;
        const auto v55 = v54 + v52;
        const auto v56 = 0.0 * v55;
        const auto v57 = v12c >= 0.0;
        const auto v58 = v12d >= 0.0;
        const auto v59 = v57 & v58;
        const auto v60 = v12a == 0.0;
        const auto v61 = v12b == 0.0;
        const auto v62 = v60 & v61;
        const auto v63 = v22 + v27;
        const auto v64 = v40 - v63;
        const auto v65 = where(v59, v29, v64);
        const auto v66 = v12a + v12b;
        const auto v67 = 0.5 * v66;
        const auto v68 = v67 * v67;
        const auto v69 = 0.0 + v68;
        const auto v70 = v40 * v40;
        const auto v71 = 0.0 + v70;
        const auto v72 = v59 & v62;
        const auto v73 = 0.0 * v7;
        const auto v74 = where(v72, v73, 1.0);
        const auto [v75a, v75b, v75c, v75d, v75e, v75f, v75g, v75h] = Penalty::of(v63, v46, v65, v69, v71, 0.0, v74);
        const auto v76 = where(v45, 1.0, 0.0);
        const auto v77 = where(v45, 0.0, 1.0);
        const auto v78 = v77 - v76;
        const auto v79 = v75c * v78;
        const auto v80 = v75d * v76;
        const auto v81 = v79 + v80;
        const auto v82 = v75e * v77;
        const auto v83 = v81 - v82;
        const auto v84 = v75c * 1.0;
        const auto v85 = v75e * 0.0;
        const auto v86 = v84 + v85;
        const auto v87 = 2.0 * v75g;
        const auto v88 = v87 * v40;
        const auto v89 = v86 + v88;
        const auto v90 = v83 + v89;
        const auto v91 = 0.5 * v90;
        const auto v92 = v12a > 0.0;
        const auto v93 = v12a == 0.0;
        const auto v94 = where(v93, v91, v89);
        const auto v95 = where(v92, v83, v94);
        const auto v96 = v12b < 0.0;
        const auto v97 = v12b == 0.0;
        const auto v98 = where(v97, v91, v89);
        const auto v99 = where(v96, v83, v98);
        const auto v100 = -v95;
        const auto v101 = where(v59, v100, 0.0);
        const auto v102 = where(v59, v99, 0.0);
        const auto v103 = v75f * v67;
        const auto v104 = v75h * 0.0;
        const auto [v105a, v105b] = Format::derivatives::of(v101, v102, v103, v104);
        const auto v106 = v105a * v7;
        const auto v107 = v106 + v56;
        const auto v108 = v105b * v7;
        const auto v109 = v108 + v56;
        const auto v110 = v75a + v56;
        const auto v111 = v75b + v56;
        return result(v110, v111, v107, v109);
    }
};

struct axis_aligned_2 {
    static constexpr size_t inputs = 8;
    template <class Penalty, class Format>
    INLINE static auto of(auto pred0, auto pred1, auto pred2, auto pred3, auto target0, auto target1, auto target2, auto target3) {
        const auto v0 = absolute(pred0);
        const auto v1 = absolute(pred2);
        const auto v2 = maximum(v0, v1);
        const auto v3 = absolute(pred1);
        const auto v4 = maximum(v2, v3);
        const auto v5 = absolute(pred3);
        const auto v6 = maximum(v4, v5);
        const auto v7 = absolute(target0);
        const auto v8 = maximum(v6, v7);
        const auto v9 = absolute(target2);
        const auto v10 = maximum(v8, v9);
        const auto v11 = absolute(target1);
        const auto v12 = maximum(v10, v11);
        const auto v13 = absolute(target3);
        const auto v14 = maximum(v12, v13);
        const auto v15 = scale(v14, 2);
        const auto v16 = pred0 * v15;
        const auto v17 = pred2 * v15;
        const auto v18 = target0 * v15;
        const auto v19 = target2 * v15;
        const auto [v20a, v20b, v20c, v20d, v20e, v20f, v20g] = Format::differences::of(v16, v17, v18, v19);
        const auto v21 = pred1 * v15;
        const auto v22 = pred3 * v15;
        const auto v23 = target1 * v15;
        const auto v24 = target3 * v15;
        const auto [v25a, v25b, v25c, v25d, v25e, v25f, v25g] = Format::differences::of(v21, v22, v23, v24);
        const auto v26 = relu(v20c);
        const auto v27 = relu(v20d);
        const auto v28 = minimum(v20c, v20d);
        const auto v29 = minimum(v20e, v20f);
        const auto v30 = minimum(v28, v29);
        const auto v31 = -v20a;
        const auto v32 = relu(v31);
        const auto v33 = relu(v20b);
        const auto v34 = v32 + v33;
        const auto v35 = minimum(v34, v26);
        const auto v36 = relu(v20a);
        const auto v37 = -v20b;
        const auto v38 = relu(v37);
        const auto v39 = v36 + v38;
        const auto v40 = minimum(v39, v27);
        const auto v41 = -v30;
        const auto v42 = relu(v41);
        const auto v43 = absolute(v20c);
        const auto v44 = absolute(v20d);
        const auto v45 = maximum(v43, v44);
        const auto v46 = absolute(v20e);
        const auto v47 = absolute(v20f);
        const auto v48 = maximum(v46, v47);
        const auto v49 = absolute(v20a);
        const auto v50 = absolute(v20b);
        const auto v51 = maximum(v49, v50);
        const auto v52 = maximum(v48, v51);
        const auto v53 = maximum(v45, v52);
        const auto v54 = v30 > 0.0;
        const auto v55 = v30 == 0.0;
        const auto v56 = v20c == 0.0;
        const auto v57 = v55 & v56;
        const auto v58 = v54 | v57;
        const auto v59 = relu(v30);
        const auto v60 = v40 + v42;
        const auto v61 = v35 + v42;
        const auto v62 = relu(v25c);
        const auto v63 = relu(v25d);
        const auto v64 = minimum(v25c, v25d);
        const auto v65 = minimum(v25e, v25f);
        const auto v66 = minimum(v64, v65);
        const auto v67 = -v25a;
        const auto v68 = relu(v67);
        const auto v69 = relu(v25b);
        const auto v70 = v68 + v69;
        const auto v71 = minimum(v70, v62);
        const auto v72 = relu(v25a);
        const auto v73 = -v25b;
        const auto v74 = relu(v73);
        const auto v75 = v72 + v74;
        const auto v76 = minimum(v75, v63);
        const auto v77 = -v66;
        const auto v78 = relu(v77);
        const auto v79 = absolute(v25c);
        const auto v80 = absolute(v25d);
        const auto v81 = maximum(v79, v80);
        const auto v82 = absolute(v25e);
        const auto v83 = absolute(v25f);
        const auto v84 = maximum(v82, v83);
        const auto v85 = absolute(v25a);
        const auto v86 = absolute(v25b);
        const auto v87 = maximum(v85, v86);
        const auto v88 = maximum(v84, v87);
        const auto v89 = maximum(v81, v88);
        const auto v90 = v66 > 0.0;
        const auto v91 = v66 == 0.0;
        const auto v92 = v25c == 0.0;
        const auto v93 = v91 & v92;
        const auto v94 = v90 | v93;
        const auto v95 = relu(v66);
        const auto v96 = v76 + v78;
        const auto v98 = pred0 * v15;
        const auto v99 = pred2 * v15;
        const auto v100 = pred1 * v15;
        const auto v101 = pred3 * v15;
        const auto v102 = target0 * v15;
        const auto v103 = target2 * v15;
        const auto v104 = target1 * v15;
        const auto v105 = target3 * v15;
        const auto v106 = v98 + v99;
        const auto v107 = v106 + v100;
        const auto v108 = v107 + v101;
        const auto v109 = v108 + v102;
        const auto v110 = v109 + v103;
        const auto v111 = v110 + v104;
        const auto v112 = v111 + v105;
        const auto v113 = 0.0 * v112;
        const auto v114 = v20c >= 0.0;
        const auto v115 = v20d >= 0.0;
        const auto v116 = v114 & v115;
        const auto v117 = v25c >= 0.0;
        const auto v118 = v25d >= 0.0;
        const auto v119 = v117 & v118;
        const auto v120 = v116 & v119;
        const auto v121 = v20a == 0.0;
        const auto v122 = v20b == 0.0;
        const auto v123 = v121 & v122;
        const auto v124 = v25a == 0.0;
        const auto v125 = v25b == 0.0;
        const auto v126 = v124 & v125;
        const auto v127 = v123 & v126;
        const auto v130 = v53 * v89;
        const auto v131 = v26 * v71;
        const auto v132 = v35 * v95;
        const auto v133 = v131 + v132;
        const auto v134 = v27 * v76;
        const auto v135 = v40 * v95;
        const auto v136 = v134 + v135;
        const auto v137 = v59 * v95;
        const auto v138 = v60 * v71;
        const auto v139 = v61 * v76;
        const auto v140 = v138 + v139;
        const auto v141 = v42 * v95;
        const auto v142 = v53 * v78;
        const auto v143 = v141 + v142;
        const auto v144 = v140 + v143;
        const auto v151 = v133 + v136;
        const auto v152 = v130 - v151;
        const auto v153 = where(v120, v144, v152);
        const auto v154 = v20a + v20b;
        const auto v155 = 0.5 * v154;
        const auto v156 = v25a + v25b;
        const auto v157 = 0.5 * v156;
        const auto v158 = v155 * v155;
        const auto v159 = 0.0 + v158;
        const auto v160 = v157 * v157;
        const auto v161 = v159 + v160;
        const auto v162 = v53 * v53;
        const auto v163 = 0.0 + v162;
        const auto v164 = v89 * v89;
        const auto v165 = v163 + v164;
        const auto v166 = v120 & v127;
        const auto v167 = 0.0 * v15;
        const auto v168 = where(v166, v167, 1.0);
        const auto [v169a, v169b, v169c, v169d, v169e, v169f, v169g, v169h] = Penalty::of(v151, v137, v153, v161, v165, 0.0, v168);
        const auto v170 = where(v58, v95, 0.0);
        const auto v171 = where(v58, v71, v62);
        const auto v172 = v171 - v170;
        const auto v173 = v169c * v172;
        const auto v174 = v169d * v170;
        const auto v175 = v173 + v174;
        const auto v176 = v169e * v171;
        const auto v177 = v175 - v176;
        const auto v178 = v169c * v62;
        const auto v179 = v169e * v96;
        const auto v180 = v178 + v179;
        const auto v181 = 2.0 * v169g;
        const auto v182 = v181 * v53;
        const auto v183 = v180 + v182;
        const auto v184 = v177 + v183;
        const auto v185 = 0.5 * v184;
        const auto v186 = v20a > 0.0;
        const auto v187 = v20a == 0.0;
        const auto v188 = where(v187, v185, v183);
        const auto v189 = where(v186, v177, v188);
        const auto v190 = v20b < 0.0;
        const auto v191 = v20b == 0.0;
        const auto v192 = where(v191, v185, v183);
        const auto v193 = where(v190, v177, v192);
        const auto v194 = -v189;
        const auto v195 = where(v120, v194, 0.0);
        const auto v196 = where(v120, v193, 0.0);
        const auto v197 = v169f * v155;
        const auto v198 = v169h * 0.0;
        const auto [v199a, v199b] = Format::derivatives::of(v195, v196, v197, v198);
        const auto v200 = v199a * v15;
        const auto v201 = v200 + v113;
        const auto v202 = v199b * v15;
        const auto v203 = v202 + v113;
        const auto v204 = where(v94, v59, 0.0);
        const auto v205 = where(v94, v35, v26);
        const auto v206 = v205 - v204;
        const auto v207 = v169c * v206;
        const auto v208 = v169d * v204;
        const auto v209 = v207 + v208;
        const auto v210 = v169e * v205;
        const auto v211 = v209 - v210;
        const auto v212 = v169c * v26;
        const auto v213 = v169e * v60;
        const auto v214 = v212 + v213;
        const auto v215 = 2.0 * v169g;
        const auto v216 = v215 * v89;
        const auto v217 = v214 + v216;
        const auto v218 = v211 + v217;
        const auto v219 = 0.5 * v218;
        const auto v220 = v25a > 0.0;
        const auto v221 = v25a == 0.0;
        const auto v222 = where(v221, v219, v217);
        const auto v223 = where(v220, v211, v222);
        const auto v224 = v25b < 0.0;
        const auto v225 = v25b == 0.0;
        const auto v226 = where(v225, v219, v217);
        const auto v227 = where(v224, v211, v226);
        const auto v228 = -v223;
        const auto v229 = where(v120, v228, 0.0);
        const auto v230 = where(v120, v227, 0.0);
        const auto v231 = v169f * v157;
        const auto v232 = v169h * 0.0;
        const auto [v233a, v233b] = Format::derivatives::of(v229, v230, v231, v232);
        const auto v234 = v233a * v15;
        const auto v235 = v234 + v113;
        const auto v236 = v233b * v15;
        const auto v237 = v236 + v113;
        const auto v238 = v169a + v113;
        const auto v239 = v169b + v113;
        return result(v238, v239, v201, v235, v203, v237);
    }
};

struct axis_aligned_3 {
    static constexpr size_t inputs = 12;
    template <class Penalty, class Format>
    INLINE static auto of(auto pred0, auto pred1, auto pred2, auto pred3, auto pred4, auto pred5, auto target0, auto target1, auto target2, auto target3, auto target4, auto target5) {
        const auto v0 = absolute(pred0);
        const auto v1 = absolute(pred3);
        const auto v2 = maximum(v0, v1);
        const auto v3 = absolute(pred1);
        const auto v4 = maximum(v2, v3);
        const auto v5 = absolute(pred4);
        const auto v6 = maximum(v4, v5);
        const auto v7 = absolute(pred2);
        const auto v8 = maximum(v6, v7);
        const auto v9 = absolute(pred5);
        const auto v10 = maximum(v8, v9);
        const auto v11 = absolute(target0);
        const auto v12 = maximum(v10, v11);
        const auto v13 = absolute(target3);
        const auto v14 = maximum(v12, v13);
        const auto v15 = absolute(target1);
        const auto v16 = maximum(v14, v15);
        const auto v17 = absolute(target4);
        const auto v18 = maximum(v16, v17);
        const auto v19 = absolute(target2);
        const auto v20 = maximum(v18, v19);
        const auto v21 = absolute(target5);
        const auto v22 = maximum(v20, v21);
        const auto v23 = scale(v22, 3);
        const auto v24 = pred0 * v23;
        const auto v25 = pred3 * v23;
        const auto v26 = target0 * v23;
        const auto v27 = target3 * v23;
        const auto [v28a, v28b, v28c, v28d, v28e, v28f, v28g] = Format::differences::of(v24, v25, v26, v27);
        const auto v29 = pred1 * v23;
        const auto v30 = pred4 * v23;
        const auto v31 = target1 * v23;
        const auto v32 = target4 * v23;
        const auto [v33a, v33b, v33c, v33d, v33e, v33f, v33g] = Format::differences::of(v29, v30, v31, v32);
        const auto v34 = pred2 * v23;
        const auto v35 = pred5 * v23;
        const auto v36 = target2 * v23;
        const auto v37 = target5 * v23;
        const auto [v38a, v38b, v38c, v38d, v38e, v38f, v38g] = Format::differences::of(v34, v35, v36, v37);
        const auto v39 = relu(v28c);
        const auto v40 = relu(v28d);
        const auto v41 = minimum(v28c, v28d);
        const auto v42 = minimum(v28e, v28f);
        const auto v43 = minimum(v41, v42);
        const auto v44 = -v28a;
        const auto v45 = relu(v44);
        const auto v46 = relu(v28b);
        const auto v47 = v45 + v46;
        const auto v48 = minimum(v47, v39);
        const auto v49 = relu(v28a);
        const auto v50 = -v28b;
        const auto v51 = relu(v50);
        const auto v52 = v49 + v51;
        const auto v53 = minimum(v52, v40);
        const auto v54 = -v43;
        const auto v55 = relu(v54);
        const auto v56 = absolute(v28c);
        const auto v57 = absolute(v28d);
        const auto v58 = maximum(v56, v57);
        const auto v59 = absolute(v28e);
        const auto v60 = absolute(v28f);
        const auto v61 = maximum(v59, v60);
        const auto v62 = absolute(v28a);
        const auto v63 = absolute(v28b);
        const auto v64 = maximum(v62, v63);
        const auto v65 = maximum(v61, v64);
        const auto v66 = maximum(v58, v65);
        const auto v67 = v43 > 0.0;
        const auto v68 = v43 == 0.0;
        const auto v69 = v28c == 0.0;
        const auto v70 = v68 & v69;
        const auto v71 = v67 | v70;
        const auto v72 = relu(v43);
        const auto v73 = v53 + v55;
        const auto v74 = v48 + v55;
        const auto v75 = relu(v33c);
        const auto v76 = relu(v33d);
        const auto v77 = minimum(v33c, v33d);
        const auto v78 = minimum(v33e, v33f);
        const auto v79 = minimum(v77, v78);
        const auto v80 = -v33a;
        const auto v81 = relu(v80);
        const auto v82 = relu(v33b);
        const auto v83 = v81 + v82;
        const auto v84 = minimum(v83, v75);
        const auto v85 = relu(v33a);
        const auto v86 = -v33b;
        const auto v87 = relu(v86);
        const auto v88 = v85 + v87;
        const auto v89 = minimum(v88, v76);
        const auto v90 = -v79;
        const auto v91 = relu(v90);
        const auto v92 = absolute(v33c);
        const auto v93 = absolute(v33d);
        const auto v94 = maximum(v92, v93);
        const auto v95 = absolute(v33e);
        const auto v96 = absolute(v33f);
        const auto v97 = maximum(v95, v96);
        const auto v98 = absolute(v33a);
        const auto v99 = absolute(v33b);
        const auto v100 = maximum(v98, v99);
        const auto v101 = maximum(v97, v100);
        const auto v102 = maximum(v94, v101);
        const auto v103 = v79 > 0.0;
        const auto v104 = v79 == 0.0;
        const auto v105 = v33c == 0.0;
        const auto v106 = v104 & v105;
        const auto v107 = v103 | v106;
        const auto v108 = relu(v79);
        const auto v109 = v89 + v91;
        const auto v110 = v84 + v91;
        const auto v111 = relu(v38c);
        const auto v112 = relu(v38d);
        const auto v113 = minimum(v38c, v38d);
        const auto v114 = minimum(v38e, v38f);
        const auto v115 = minimum(v113, v114);
        const auto v116 = -v38a;
        const auto v117 = relu(v116);
        const auto v118 = relu(v38b);
        const auto v119 = v117 + v118;
        const auto v120 = minimum(v119, v111);
        const auto v121 = relu(v38a);
        const auto v122 = -v38b;
        const auto v123 = relu(v122);
        const auto v124 = v121 + v123;
        const auto v125 = minimum(v124, v112);
        const auto v126 = -v115;
        const auto v127 = relu(v126);
        const auto v128 = absolute(v38c);
        const auto v129 = absolute(v38d);
        const auto v130 = maximum(v128, v129);
        const auto v131 = absolute(v38e);
        const auto v132 = absolute(v38f);
        const auto v133 = maximum(v131, v132);
        const auto v134 = absolute(v38a);
        const auto v135 = absolute(v38b);
        const auto v136 = maximum(v134, v135);
        const auto v137 = maximum(v133, v136);
        const auto v138 = maximum(v130, v137);
        const auto v139 = v115 > 0.0;
        const auto v140 = v115 == 0.0;
        const auto v141 = v38c == 0.0;
        const auto v142 = v140 & v141;
        const auto v143 = v139 | v142;
        const auto v144 = relu(v115);
        const auto v145 = v125 + v127;
        const auto v147 = pred0 * v23;
        const auto v148 = pred3 * v23;
        const auto v149 = pred1 * v23;
        const auto v150 = pred4 * v23;
        const auto v151 = pred2 * v23;
        const auto v152 = pred5 * v23;
        const auto v153 = target0 * v23;
        const auto v154 = target3 * v23;
        const auto v155 = target1 * v23;
        const auto v156 = target4 * v23;
        const auto v157 = target2 * v23;
        const auto v158 = target5 * v23;
        const auto v159 = v147 + v148;
        const auto v160 = v159 + v149;
        const auto v161 = v160 + v150;
        const auto v162 = v161 + v151;
        const auto v163 = v162 + v152;
        const auto v164 = v163 + v153;
        const auto v165 = v164 + v154;
        const auto v166 = v165 + v155;
        const auto v167 = v166 + v156;
        const auto v168 = v167 + v157;
        const auto v169 = v168 + v158;
        const auto v170 = 0.0 * v169;
        const auto v171 = v28c >= 0.0;
        const auto v172 = v28d >= 0.0;
        const auto v173 = v171 & v172;
        const auto v174 = v33c >= 0.0;
        const auto v175 = v33d >= 0.0;
        const auto v176 = v174 & v175;
        const auto v177 = v38c >= 0.0;
        const auto v178 = v38d >= 0.0;
        const auto v179 = v177 & v178;
        const auto v180 = v173 & v176;
        const auto v181 = v180 & v179;
        const auto v182 = v28a == 0.0;
        const auto v183 = v28b == 0.0;
        const auto v184 = v182 & v183;
        const auto v185 = v33a == 0.0;
        const auto v186 = v33b == 0.0;
        const auto v187 = v185 & v186;
        const auto v188 = v38a == 0.0;
        const auto v189 = v38b == 0.0;
        const auto v190 = v188 & v189;
        const auto v191 = v184 & v187;
        const auto v192 = v191 & v190;
        const auto v193 = v39 * v75;
        const auto v194 = v40 * v76;
        const auto v195 = v66 * v102;
        const auto v196 = v39 * v84;
        const auto v197 = v48 * v108;
        const auto v198 = v196 + v197;
        const auto v199 = v40 * v89;
        const auto v200 = v53 * v108;
        const auto v201 = v199 + v200;
        const auto v202 = v72 * v108;
        const auto v203 = v73 * v84;
        const auto v204 = v74 * v89;
        const auto v205 = v203 + v204;
        const auto v206 = v55 * v108;
        const auto v207 = v66 * v91;
        const auto v208 = v206 + v207;
        const auto v209 = v205 + v208;
        const auto v210 = v66 * v109;
        const auto v211 = v73 * v75;
        const auto v212 = v210 + v211;
        const auto v213 = v66 * v110;
        const auto v214 = v74 * v76;
        const auto v215 = v213 + v214;
        const auto v218 = v195 * v138;
        const auto v219 = v193 * v120;
        const auto v220 = v198 * v144;
        const auto v221 = v219 + v220;
        const auto v222 = v194 * v125;
        const auto v223 = v201 * v144;
        const auto v224 = v222 + v223;
        const auto v225 = v202 * v144;
        const auto v226 = v212 * v120;
        const auto v227 = v215 * v125;
        const auto v228 = v226 + v227;
        const auto v229 = v209 * v144;
        const auto v230 = v195 * v127;
        const auto v231 = v229 + v230;
        const auto v232 = v228 + v231;
        const auto v239 = v221 + v224;
        const auto v240 = v218 - v239;
        const auto v241 = where(v181, v232, v240);
        const auto v242 = v28a + v28b;
        const auto v243 = 0.5 * v242;
        const auto v244 = v33a + v33b;
        const auto v245 = 0.5 * v244;
        const auto v246 = v38a + v38b;
        const auto v247 = 0.5 * v246;
        const auto v248 = v243 * v243;
        const auto v249 = 0.0 + v248;
        const auto v250 = v245 * v245;
        const auto v251 = v249 + v250;
        const auto v252 = v247 * v247;
        const auto v253 = v251 + v252;
        const auto v254 = v66 * v66;
        const auto v255 = 0.0 + v254;
        const auto v256 = v102 * v102;
        const auto v257 = v255 + v256;
        const auto v258 = v138 * v138;
        const auto v259 = v257 + v258;
        const auto v260 = v181 & v192;
        const auto v261 = 0.0 * v23;
        const auto v262 = where(v260, v261, 1.0);
        const auto [v263a, v263b, v263c, v263d, v263e, v263f, v263g, v263h] = Penalty::of(v239, v225, v241, v253, v259, 0.0, v262);
        const auto v264 = v75 * v111;
        const auto v267 = v75 * v120;
        const auto v268 = v84 * v144;
        const auto v269 = v267 + v268;
        const auto v273 = v108 * v144;
        const auto v281 = v102 * v145;
        const auto v282 = v109 * v111;
        const auto v283 = v281 + v282;
        const auto v287 = where(v71, v273, 0.0);
        const auto v288 = where(v71, v269, v264);
        const auto v289 = v288 - v287;
        const auto v290 = v263c * v289;
        const auto v291 = v263d * v287;
        const auto v292 = v290 + v291;
        const auto v293 = v263e * v288;
        const auto v294 = v292 - v293;
        const auto v295 = v263c * v264;
        const auto v296 = v263e * v283;
        const auto v297 = v295 + v296;
        const auto v298 = 2.0 * v263g;
        const auto v299 = v298 * v66;
        const auto v300 = v297 + v299;
        const auto v301 = v294 + v300;
        const auto v302 = 0.5 * v301;
        const auto v303 = v28a > 0.0;
        const auto v304 = v28a == 0.0;
        const auto v305 = where(v304, v302, v300);
        const auto v306 = where(v303, v294, v305);
        const auto v307 = v28b < 0.0;
        const auto v308 = v28b == 0.0;
        const auto v309 = where(v308, v302, v300);
        const auto v310 = where(v307, v294, v309);
        const auto v311 = -v306;
        const auto v312 = where(v181, v311, 0.0);
        const auto v313 = where(v181, v310, 0.0);
        const auto v314 = v263f * v243;
        const auto v315 = v263h * 0.0;
        const auto [v316a, v316b] = Format::derivatives::of(v312, v313, v314, v315);
        const auto v317 = v316a * v23;
        const auto v318 = v317 + v170;
        const auto v319 = v316b * v23;
        const auto v320 = v319 + v170;
        const auto v321 = v39 * v111;
        const auto v324 = v39 * v120;
        const auto v325 = v48 * v144;
        const auto v326 = v324 + v325;
        const auto v330 = v72 * v144;
        const auto v338 = v66 * v145;
        const auto v339 = v73 * v111;
        const auto v340 = v338 + v339;
        const auto v344 = where(v107, v330, 0.0);
        const auto v345 = where(v107, v326, v321);
        const auto v346 = v345 - v344;
        const auto v347 = v263c * v346;
        const auto v348 = v263d * v344;
        const auto v349 = v347 + v348;
        const auto v350 = v263e * v345;
        const auto v351 = v349 - v350;
        const auto v352 = v263c * v321;
        const auto v353 = v263e * v340;
        const auto v354 = v352 + v353;
        const auto v355 = 2.0 * v263g;
        const auto v356 = v355 * v102;
        const auto v357 = v354 + v356;
        const auto v358 = v351 + v357;
        const auto v359 = 0.5 * v358;
        const auto v360 = v33a > 0.0;
        const auto v361 = v33a == 0.0;
        const auto v362 = where(v361, v359, v357);
        const auto v363 = where(v360, v351, v362);
        const auto v364 = v33b < 0.0;
        const auto v365 = v33b == 0.0;
        const auto v366 = where(v365, v359, v357);
        const auto v367 = where(v364, v351, v366);
        const auto v368 = -v363;
        const auto v369 = where(v181, v368, 0.0);
        const auto v370 = where(v181, v367, 0.0);
        const auto v371 = v263f * v245;
        const auto v372 = v263h * 0.0;
        const auto [v373a, v373b] = Format::derivatives::of(v369, v370, v371, v372);
        const auto v374 = v373a * v23;
        const auto v375 = v374 + v170;
        const auto v376 = v373b * v23;
        const auto v377 = v376 + v170;
        const auto v378 = v39 * v75;
        const auto v381 = v39 * v84;
        const auto v382 = v48 * v108;
        const auto v383 = v381 + v382;
        const auto v387 = v72 * v108;
        const auto v395 = v66 * v109;
        const auto v396 = v73 * v75;
        const auto v397 = v395 + v396;
        const auto v401 = where(v143, v387, 0.0);
        const auto v402 = where(v143, v383, v378);
        const auto v403 = v402 - v401;
        const auto v404 = v263c * v403;
        const auto v405 = v263d * v401;
        const auto v406 = v404 + v405;
        const auto v407 = v263e * v402;
        const auto v408 = v406 - v407;
        const auto v409 = v263c * v378;
        const auto v410 = v263e * v397;
        const auto v411 = v409 + v410;
        const auto v412 = 2.0 * v263g;
        const auto v413 = v412 * v138;
        const auto v414 = v411 + v413;
        const auto v415 = v408 + v414;
        const auto v416 = 0.5 * v415;
        const auto v417 = v38a > 0.0;
        const auto v418 = v38a == 0.0;
        const auto v419 = where(v418, v416, v414);
        const auto v420 = where(v417, v408, v419);
        const auto v421 = v38b < 0.0;
        const auto v422 = v38b == 0.0;
        const auto v423 = where(v422, v416, v414);
        const auto v424 = where(v421, v408, v423);
        const auto v425 = -v420;
        const auto v426 = where(v181, v425, 0.0);
        const auto v427 = where(v181, v424, 0.0);
        const auto v428 = v263f * v247;
        const auto v429 = v263h * 0.0;
        const auto [v430a, v430b] = Format::derivatives::of(v426, v427, v428, v429);
        const auto v431 = v430a * v23;
        const auto v432 = v431 + v170;
        const auto v433 = v430b * v23;
        const auto v434 = v433 + v170;
        const auto v435 = v263a + v170;
        const auto v436 = v263b + v170;
        return result(v435, v436, v318, v375, v432, v320, v377, v434);
    }
};

struct axis_aligned_2_with_angle {
    static constexpr size_t inputs = 8;
    template <class Penalty, class Format>
    INLINE static auto of(auto pred0, auto pred1, auto pred2, auto pred3, auto target0, auto target1, auto target2, auto target3) {
        const auto v0 = absolute(pred0);
        const auto v1 = absolute(pred2);
        const auto v2 = maximum(v0, v1);
        const auto v3 = absolute(pred1);
        const auto v4 = maximum(v2, v3);
        const auto v5 = absolute(pred3);
        const auto v6 = maximum(v4, v5);
        const auto v7 = absolute(target0);
        const auto v8 = maximum(v6, v7);
        const auto v9 = absolute(target2);
        const auto v10 = maximum(v8, v9);
        const auto v11 = absolute(target1);
        const auto v12 = maximum(v10, v11);
        const auto v13 = absolute(target3);
        const auto v14 = maximum(v12, v13);
        const auto v15 = scale(v14, 2);
        const auto v16 = pred0 * v15;
        const auto v17 = pred2 * v15;
        const auto v18 = target0 * v15;
        const auto v19 = target2 * v15;
        const auto [v20a, v20b, v20c, v20d, v20e, v20f, v20g] = Format::differences::of(v16, v17, v18, v19);
        const auto v21 = pred1 * v15;
        const auto v22 = pred3 * v15;
        const auto v23 = target1 * v15;
        const auto v24 = target3 * v15;
        const auto [v25a, v25b, v25c, v25d, v25e, v25f, v25g] = Format::differences::of(v21, v22, v23, v24);
        const auto v26 = relu(v20c);
        const auto v27 = relu(v20d);
        const auto v28 = minimum(v20c, v20d);
        const auto v29 = minimum(v20e, v20f);
        const auto v30 = minimum(v28, v29);
        const auto v31 = -v20a;
        const auto v32 = relu(v31);
        const auto v33 = relu(v20b);
        const auto v34 = v32 + v33;
        const auto v35 = minimum(v34, v26);
        const auto v36 = relu(v20a);
        const auto v37 = -v20b;
        const auto v38 = relu(v37);
        const auto v39 = v36 + v38;
        const auto v40 = minimum(v39, v27);
        const auto v41 = -v30;
        const auto v42 = relu(v41);
        const auto v43 = absolute(v20c);
        const auto v44 = absolute(v20d);
        const auto v45 = maximum(v43, v44);
        const auto v46 = absolute(v20e);
        const auto v47 = absolute(v20f);
        const auto v48 = maximum(v46, v47);
        const auto v49 = absolute(v20a);
        const auto v50 = absolute(v20b);
        const auto v51 = maximum(v49, v50);
        const auto v52 = maximum(v48, v51);
        const auto v53 = maximum(v45, v52);
        const auto v54 = v30 > 0.0;
        const auto v55 = v30 == 0.0;
        const auto v56 = v20c == 0.0;
        const auto v57 = v55 & v56;
        const auto v58 = v54 | v57;
        const auto v59 = relu(v30);
        const auto v60 = v40 + v42;
        const auto v61 = v35 + v42;
        const auto v62 = relu(v25c);
        const auto v63 = relu(v25d);
        const auto v64 = minimum(v25c, v25d);
        const auto v65 = minimum(v25e, v25f);
        const auto v66 = minimum(v64, v65);
        const auto v67 = -v25a;
        const auto v68 = relu(v67);
        const auto v69 = relu(v25b);
        const auto v70 = v68 + v69;
        const auto v71 = minimum(v70, v62);
        const auto v72 = relu(v25a);
        const auto v73 = -v25b;
        const auto v74 = relu(v73);
        const auto v75 = v72 + v74;
        const auto v76 = minimum(v75, v63);
        const auto v77 = -v66;
        const auto v78 = relu(v77);
        const auto v79 = absolute(v25c);
        const auto v80 = absolute(v25d);
        const auto v81 = maximum(v79, v80);
        const auto v82 = absolute(v25e);
        const auto v83 = absolute(v25f);
        const auto v84 = maximum(v82, v83);
        const auto v85 = absolute(v25a);
        const auto v86 = absolute(v25b);
        const auto v87 = maximum(v85, v86);
        const auto v88 = maximum(v84, v87);
        const auto v89 = maximum(v81, v88);
        const auto v90 = v66 > 0.0;
        const auto v91 = v66 == 0.0;
        const auto v92 = v25c == 0.0;
        const auto v93 = v91 & v92;
        const auto v94 = v90 | v93;
        const auto v95 = relu(v66);
        const auto v96 = v76 + v78;
        const auto v98 = pred0 * v15;
        const auto v99 = pred2 * v15;
        const auto v100 = pred1 * v15;
        const auto v101 = pred3 * v15;
        const auto v102 = target0 * v15;
        const auto v103 = target2 * v15;
        const auto v104 = target1 * v15;
        const auto v105 = target3 * v15;
        const auto v106 = v98 + v99;
        const auto v107 = v106 + v100;
        const auto v108 = v107 + v101;
        const auto v109 = v108 + v102;
        const auto v110 = v109 + v103;
        const auto v111 = v110 + v104;
        const auto v112 = v111 + v105;
        const auto v113 = 0.0 * v112;
        const auto v114 = v20c >= 0.0;
        const auto v115 = v20d >= 0.0;
        const auto v116 = v114 & v115;
        const auto v117 = v25c >= 0.0;
        const auto v118 = v25d >= 0.0;
        const auto v119 = v117 & v118;
        const auto v120 = v116 & v119;
        const auto v121 = v20a == 0.0;
        const auto v122 = v20b == 0.0;
        const auto v123 = v121 & v122;
        const auto v124 = v25a == 0.0;
        const auto v125 = v25b == 0.0;
        const auto v126 = v124 & v125;
        const auto v127 = v123 & v126;
        const auto v130 = v53 * v89;
        const auto v131 = v26 * v71;
        const auto v132 = v35 * v95;
        const auto v133 = v131 + v132;
        const auto v134 = v27 * v76;
        const auto v135 = v40 * v95;
        const auto v136 = v134 + v135;
        const auto v137 = v59 * v95;
        const auto v138 = v60 * v71;
        const auto v139 = v61 * v76;
        const auto v140 = v138 + v139;
        const auto v141 = v42 * v95;
        const auto v142 = v53 * v78;
        const auto v143 = v141 + v142;
        const auto v144 = v140 + v143;
        const auto v151 = v133 + v136;
        const auto v152 = v130 - v151;
        const auto v153 = where(v120, v144, v152);
        const auto v154 = v20a + v20b;
        const auto v155 = 0.5 * v154;
        const auto v156 = v25a + v25b;
        const auto v157 = 0.5 * v156;
        const auto v158 = v155 * v155;
        const auto v159 = 0.0 + v158;
        const auto v160 = v157 * v157;
        const auto v161 = v159 + v160;
        const auto v162 = v53 * v53;
        const auto v163 = 0.0 + v162;
        const auto v164 = v89 * v89;
        const auto v165 = v163 + v164;
        const auto v166 = v26 + v62;
        const auto v167 = v27 + v63;
        const auto v168 = v166 < v167;
        const auto v169 = where(v168, v26, v27);
        const auto v170 = v169 * v25g;
        const auto v171 = where(v168, v62, v63);
        const auto v172 = v171 * v20g;
        const auto v173 = v26 * v27;
        const auto v174 = v62 * v63;
        const auto v175 = v173 + v174;
        const auto v176 = v26 + v62;
        const auto v177 = v176 > 0.0;
        const auto v178 = v120 & v177;
        const auto v179 = v27 + v63;
        const auto v180 = v179 > 0.0;
        const auto v181 = v178 & v180;
        const auto v182 = v170 - v172;
        const auto v183 = where(v181, v175, 1.0);
        const auto v184 = angle(v182, v183);
        const auto v185 = where(v181, v184, 0.0);
        const auto v186 = v26 * v26;
        const auto v187 = v62 * v62;
        const auto v188 = v186 + v187;
        const auto v189 = inverse(v188);
        const auto v190 = -v62;
        const auto v191 = v190 * v189;
        const auto v192 = v26 * v189;
        const auto v193 = v120 & v127;
        const auto v194 = 0.0 * v15;
        const auto v195 = where(v193, v194, 1.0);
        const auto [v196a, v196b, v196c, v196d, v196e, v196f, v196g, v196h] = Penalty::of(v151, v137, v153, v161, v165, v185, v195);
        const auto v197 = where(v58, v95, 0.0);
        const auto v198 = where(v58, v71, v62);
        const auto v199 = v198 - v197;
        const auto v200 = v196c * v199;
        const auto v201 = v196d * v197;
        const auto v202 = v200 + v201;
        const auto v203 = v196e * v198;
        const auto v204 = v202 - v203;
        const auto v205 = v196c * v62;
        const auto v206 = v196e * v96;
        const auto v207 = v205 + v206;
        const auto v208 = 2.0 * v196g;
        const auto v209 = v208 * v53;
        const auto v210 = v207 + v209;
        const auto v211 = v204 + v210;
        const auto v212 = 0.5 * v211;
        const auto v213 = v20a > 0.0;
        const auto v214 = v20a == 0.0;
        const auto v215 = where(v214, v212, v210);
        const auto v216 = where(v213, v204, v215);
        const auto v217 = v20b < 0.0;
        const auto v218 = v20b == 0.0;
        const auto v219 = where(v218, v212, v210);
        const auto v220 = where(v217, v204, v219);
        const auto v221 = -v216;
        const auto v222 = where(v120, v221, 0.0);
        const auto v223 = where(v120, v220, 0.0);
        const auto v224 = v196f * v155;
        const auto v225 = v196h * v191;
        const auto [v226a, v226b] = Format::derivatives::of(v222, v223, v224, v225);
        const auto v227 = v226a * v15;
        const auto v228 = v227 + v113;
        const auto v229 = v226b * v15;
        const auto v230 = v229 + v113;
        const auto v231 = where(v94, v59, 0.0);
        const auto v232 = where(v94, v35, v26);
        const auto v233 = v232 - v231;
        const auto v234 = v196c * v233;
        const auto v235 = v196d * v231;
        const auto v236 = v234 + v235;
        const auto v237 = v196e * v232;
        const auto v238 = v236 - v237;
        const auto v239 = v196c * v26;
        const auto v240 = v196e * v60;
        const auto v241 = v239 + v240;
        const auto v242 = 2.0 * v196g;
        const auto v243 = v242 * v89;
        const auto v244 = v241 + v243;
        const auto v245 = v238 + v244;
        const auto v246 = 0.5 * v245;
        const auto v247 = v25a > 0.0;
        const auto v248 = v25a == 0.0;
        const auto v249 = where(v248, v246, v244);
        const auto v250 = where(v247, v238, v249);
        const auto v251 = v25b < 0.0;
        const auto v252 = v25b == 0.0;
        const auto v253 = where(v252, v246, v244);
        const auto v254 = where(v251, v238, v253);
        const auto v255 = -v250;
        const auto v256 = where(v120, v255, 0.0);
        const auto v257 = where(v120, v254, 0.0);
        const auto v258 = v196f * v157;
        const auto v259 = v196h * v192;
        const auto [v260a, v260b] = Format::derivatives::of(v256, v257, v258, v259);
        const auto v261 = v260a * v15;
        const auto v262 = v261 + v113;
        const auto v263 = v260b * v15;
        const auto v264 = v263 + v113;
        const auto v265 = v196a + v113;
        const auto v266 = v196b + v113;
        return result(v265, v266, v228, v262, v230, v264);
    }
};

struct xyxy {
    using differences = ISA::corners;
    using derivatives = ISA::by_corners;
};

struct xywh {
    using differences = ISA::corner_and_size;
    using derivatives = ISA::by_corner_and_size;
};

struct cxcywh {
    using differences = ISA::centre_and_size;
    using derivatives = ISA::by_centre_and_size;
};

struct ltrb {
    using differences = ISA::distances_from_a_point;
    using derivatives = ISA::by_distances_from_a_point;
};

template <class... Each>
struct Formulas {};

using element_formulas = Formulas<l1, l2, smooth_l1>;
using binary_formulas = Formulas<binary_cross_entropy, balanced_cross_entropy, sigmoid_focal>;
using row_formulas = Formulas<cross_entropy, softmax_focal>;
using penalties = Formulas<iou, log_iou, generalized_iou, distance_iou, complete_iou>;
using formats = Formulas<xyxy, xywh, cxcywh, ltrb>;

template <int dimensions, class Penalty>
struct AxisAligned {
    using geometry = void;
};

template <>
struct AxisAligned<1, iou> {
    using geometry = axis_aligned_1;
};

template <>
struct AxisAligned<1, log_iou> {
    using geometry = axis_aligned_1;
};

template <>
struct AxisAligned<1, generalized_iou> {
    using geometry = axis_aligned_1;
};

template <>
struct AxisAligned<1, distance_iou> {
    using geometry = axis_aligned_1;
};

template <>
struct AxisAligned<2, iou> {
    using geometry = axis_aligned_2;
};

template <>
struct AxisAligned<2, log_iou> {
    using geometry = axis_aligned_2;
};

template <>
struct AxisAligned<2, generalized_iou> {
    using geometry = axis_aligned_2;
};

template <>
struct AxisAligned<2, distance_iou> {
    using geometry = axis_aligned_2;
};

template <>
struct AxisAligned<2, complete_iou> {
    using geometry = axis_aligned_2_with_angle;
};

template <>
struct AxisAligned<3, iou> {
    using geometry = axis_aligned_3;
};

template <>
struct AxisAligned<3, log_iou> {
    using geometry = axis_aligned_3;
};

template <>
struct AxisAligned<3, generalized_iou> {
    using geometry = axis_aligned_3;
};

template <>
struct AxisAligned<3, distance_iou> {
    using geometry = axis_aligned_3;
};

}  // namespace detloss::ISA
