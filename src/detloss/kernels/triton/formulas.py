"""Generated from formulas/ by tools/print_formulas.py: edit it there."""

import triton
import triton.language as tl

from detloss.kernels.triton.device_primitives import (
    absolute,
    angle,
    constant,
    difference,
    divide,
    exp,
    expm1,
    inverse,
    log,
    log1p,
    log1p_of_fraction,
    maximum,
    minimum,
    power,
    quotient,
    relu,
    scale,
    sign,
    square_root,
    weighted,
    where,
)


@triton.jit
def l1(pred, target):
    v0 = pred - target
    v1 = sign(v0)
    v2 = absolute(v0)
    v3 = -v1
    return v2, v1, v3


@triton.jit
def l2(pred, target):
    v0 = pred - target
    v1 = v0 * v0
    v2 = 2.0 * v0
    v3 = -2.0 * v0
    return v1, v2, v3


@triton.jit
def smooth_l1(pred, target, beta):
    v0 = pred - target
    v1 = absolute(v0)
    v2 = v1 < beta
    v3 = where(v2, v0, 0.0)
    v4 = quotient(v3, beta)
    v5 = sign(v0)
    v6 = where(v2, v4, v5)
    v7 = v4 * v0
    v8 = 0.5 * v7
    v9 = 0.5 * beta
    v10 = v1 - v9
    v11 = where(v2, v8, v10)
    v12 = -v6
    return v11, v6, v12


@triton.jit
def charbonnier(pred, target, delta):
    v0 = pred - target
    v1 = absolute(v0)
    v2 = v1 < delta
    v3 = where(v2, v0, delta)
    v4 = where(v2, delta, v1)
    v5 = quotient(v3, v4)
    v6 = v5 * v5
    v7 = 1.0 + v6
    v8 = square_root(v7)
    v9 = sign(v0)
    v10 = where(v2, v5, v9)
    v11 = where(v2, 1.0, v5)
    v12 = divide(v10, v8)
    v13 = v8 + v11
    v14 = divide(v10, v13)
    v15 = v0 * v14
    v16 = -v12
    return v15, v12, v16


@triton.jit
def balanced_l1(pred, target, alpha, rate, beta):
    v0 = pred - target
    v1 = v0 >= 0.0
    v2 = -v0
    v3 = where(v1, v0, v2)
    v4 = v3 >= beta
    v5 = where(v4, beta, v3)
    v6 = rate * v5
    v7 = log1p(v6)
    v8 = alpha * v7
    v9 = 0.5 * pred
    v10 = 0.5 * target
    v11 = v9 - v10
    v12 = absolute(v11)
    v13 = 0.5 * v5
    v14 = v12 - v13
    v15 = alpha * v5
    v16 = rate * v5
    v17 = v16 < 1.2
    v18 = where(v17, v16, 0.0)
    v19 = 2.0 + v18
    v20 = divide(v18, v19)
    v21 = v20 * v20
    v22 = 0.09213477424899424 * v21
    v23 = v22 + 0.029084364751077903
    v24 = v23 * v21
    v25 = v24 + 0.05636193783128856
    v26 = v25 * v21
    v27 = v26 + 0.05836948488976357
    v28 = v27 * v21
    v29 = v28 + 0.06670169558964356
    v30 = v29 * v21
    v31 = v30 + 0.07692135505361639
    v32 = v31 * v21
    v33 = v32 + 0.09090914340165565
    v34 = v33 * v21
    v35 = v34 + 0.11111111018102507
    v36 = v35 * v21
    v37 = v36 + 0.14285714286557005
    v38 = v37 * v21
    v39 = v38 + 0.19999999999997028
    v40 = v39 * v21
    v41 = v40 + 0.33333333333333337
    v42 = 1.0 + v20
    v43 = v21 * v41
    v44 = v42 * v43
    v45 = v20 + v44
    v46 = v7 - 1.0
    v47 = where(v17, 1.0, v16)
    v48 = divide(v7, v47)
    v49 = v46 + v48
    v50 = where(v17, v45, v49)
    v51 = v15 * v50
    v52 = 2.0 * v8
    v53 = v52 * v14
    v54 = v51 + v53
    v55 = v0 >= 0.0
    v56 = -v8
    v57 = where(v55, v8, v56)
    v58 = -v57
    return v54, v57, v58


@triton.jit
def log_cosh(pred, target):
    v0 = pred - target
    v1 = v0 >= 0.0
    v2 = -v0
    v3 = where(v1, v0, v2)
    v4 = v3 < 1.0
    v5 = -v3
    v6 = expm1(v5)
    v7 = -v6
    v8 = 1.0 - v7
    v9 = v7 * v7
    v10 = 0.5 * v9
    v11 = where(v4, v8, 1.0)
    v12 = divide(v10, v11)
    v13 = v8 * v8
    v14 = where(v4, v12, v13)
    v15 = 1.0 + v8
    v16 = v7 * v15
    v17 = v8 * v8
    v18 = 1.0 + v17
    v19 = divide(v16, v18)
    v20 = v0 >= 0.0
    v21 = -v19
    v22 = where(v20, v19, v21)
    v23 = v3 - 0.6931471805599453
    v24 = where(v4, 0.0, v23)
    v25 = log1p_of_fraction(v14)
    v26 = v24 + v25
    v27 = -v22
    return v26, v22, v27


@triton.jit
def binary_cross_entropy(logit, positive, negative, keep):
    v0 = logit >= 0.0
    v1 = -logit
    v2 = where(v0, v1, logit)
    v3 = exp(v2)
    v4 = logit >= 0.0
    v5 = where(v4, 1.0, v3)
    v6 = logit >= 0.0
    v7 = where(v6, v3, 1.0)
    v8 = logit >= 0.0
    v9 = -logit
    v10 = where(v8, 0.0, v9)
    v11 = logit >= 0.0
    v12 = where(v11, logit, 0.0)
    v13 = log1p_of_fraction(v3)
    v14 = weighted(positive, v10)
    v15 = v13 + v14
    v16 = weighted(negative, v12)
    v17 = v15 + v16
    v18 = negative * v5
    v19 = positive * v7
    v20 = v18 - v19
    v21 = 1.0 + v3
    v22 = divide(v20, v21)
    v23 = -keep
    v24 = v23 * logit
    return v17, v22, v24


@triton.jit
def balanced_cross_entropy(logit, positive, negative, keep, positive_weight, negative_weight):
    v0 = logit >= 0.0
    v1 = -logit
    v2 = where(v0, v1, logit)
    v3 = exp(v2)
    v4 = logit >= 0.0
    v5 = where(v4, 1.0, v3)
    v6 = logit >= 0.0
    v7 = where(v6, v3, 1.0)
    v8 = logit >= 0.0
    v9 = -logit
    v10 = where(v8, 0.0, v9)
    v11 = logit >= 0.0
    v12 = where(v11, logit, 0.0)
    v13 = log1p_of_fraction(v3)
    v14 = weighted(positive, v10)
    v15 = v13 + v14
    v16 = weighted(negative, v12)
    v17 = v15 + v16
    v18 = negative * v5
    v19 = positive * v7
    v20 = v18 - v19
    v21 = 1.0 + v3
    v22 = divide(v20, v21)
    v23 = -keep
    v24 = v23 * logit
    v25 = positive_weight * positive
    v26 = negative_weight * negative
    v27 = v25 + v26
    v28 = positive_weight - negative_weight
    v29 = keep * v28
    v30 = weighted(v29, v17)
    v31 = weighted(v27, v17)
    v32 = weighted(v27, v22)
    v33 = weighted(v27, v24)
    v34 = v33 + v30
    return v31, v32, v34


@triton.jit
def sigmoid_focal(logit, positive, negative, keep, positive_weight, negative_weight, gamma):
    v0 = logit >= 0.0
    v1 = -logit
    v2 = where(v0, v1, logit)
    v3 = exp(v2)
    v4 = logit >= 0.0
    v5 = where(v4, 1.0, v3)
    v6 = logit >= 0.0
    v7 = where(v6, v3, 1.0)
    v8 = logit >= 0.0
    v9 = -logit
    v10 = where(v8, v9, logit)
    v11 = exp(v10)
    v12 = logit >= 0.0
    v13 = where(v12, 1.0, v11)
    v14 = logit >= 0.0
    v15 = where(v14, v11, 1.0)
    v16 = logit >= 0.0
    v17 = -logit
    v18 = where(v16, 0.0, v17)
    v19 = logit >= 0.0
    v20 = where(v19, logit, 0.0)
    v21 = log1p_of_fraction(v11)
    v22 = weighted(positive, v18)
    v23 = v21 + v22
    v24 = weighted(negative, v20)
    v25 = v23 + v24
    v26 = negative * v13
    v27 = positive * v15
    v28 = v26 - v27
    v29 = 1.0 + v11
    v30 = divide(v28, v29)
    v31 = -keep
    v32 = v31 * logit
    v33 = positive * v7
    v34 = negative * v5
    v35 = v33 + v34
    v36 = 1.0 + v3
    v37 = divide(v35, v36)
    v38 = positive_weight * positive
    v39 = negative_weight * negative
    v40 = v38 + v39
    v41 = power(v37, gamma)
    v42 = weighted(v40, v41)
    v43 = v35 * v36
    v44 = quotient(v3, v43)
    v45 = weighted(v44, v25)
    v46 = 0.015625 * v25
    v47 = v7 - v5
    v48 = gamma * v47
    v49 = v48 * keep
    v50 = quotient(v46, v35)
    v51 = v49 * v50
    v52 = positive_weight - negative_weight
    v53 = keep * v52
    v54 = power(v37, gamma)
    v55 = v53 * v54
    v56 = weighted(v55, v46)
    v57 = 0.015625 * v32
    v58 = weighted(v42, v57)
    v59 = weighted(v42, v51)
    v60 = v58 + v59
    v61 = weighted(v42, v25)
    v62 = negative - positive
    v63 = gamma * v62
    v64 = v63 * v45
    v65 = v30 + v64
    v66 = weighted(v42, v65)
    v67 = v60 + v56
    v68 = 64.0 * v67
    return v61, v66, v68


@triton.jit
def poly_focal(logit, positive, negative, keep, positive_weight, negative_weight, gamma, poly):
    v0 = logit >= 0.0
    v1 = -logit
    v2 = where(v0, v1, logit)
    v3 = exp(v2)
    v4 = logit >= 0.0
    v5 = where(v4, 1.0, v3)
    v6 = logit >= 0.0
    v7 = where(v6, v3, 1.0)
    v8 = logit >= 0.0
    v9 = -logit
    v10 = where(v8, v9, logit)
    v11 = exp(v10)
    v12 = logit >= 0.0
    v13 = where(v12, 1.0, v11)
    v14 = logit >= 0.0
    v15 = where(v14, v11, 1.0)
    v16 = logit >= 0.0
    v17 = -logit
    v18 = where(v16, 0.0, v17)
    v19 = logit >= 0.0
    v20 = where(v19, logit, 0.0)
    v21 = log1p_of_fraction(v11)
    v22 = weighted(positive, v18)
    v23 = v21 + v22
    v24 = weighted(negative, v20)
    v25 = v23 + v24
    v26 = negative * v13
    v27 = positive * v15
    v28 = v26 - v27
    v29 = 1.0 + v11
    v30 = divide(v28, v29)
    v31 = -keep
    v32 = v31 * logit
    v33 = positive * v7
    v34 = negative * v5
    v35 = v33 + v34
    v36 = 1.0 + v3
    v37 = divide(v35, v36)
    v38 = positive_weight * positive
    v39 = negative_weight * negative
    v40 = v38 + v39
    v41 = power(v37, gamma)
    v42 = weighted(v40, v41)
    v43 = v35 * v36
    v44 = quotient(v3, v43)
    v45 = weighted(v44, v25)
    v46 = 0.015625 * v25
    v47 = v7 - v5
    v48 = gamma * v47
    v49 = v48 * keep
    v50 = quotient(v46, v35)
    v51 = v49 * v50
    v52 = positive_weight - negative_weight
    v53 = keep * v52
    v54 = power(v37, gamma)
    v55 = v53 * v54
    v56 = weighted(v55, v46)
    v57 = 0.015625 * v32
    v58 = weighted(v42, v57)
    v59 = weighted(v42, v51)
    v60 = v58 + v59
    v61 = weighted(v42, v25)
    v62 = negative - positive
    v63 = gamma * v62
    v64 = v63 * v45
    v65 = v30 + v64
    v66 = weighted(v42, v65)
    v67 = v60 + v56
    v68 = 64.0 * v67
    v69 = logit >= 0.0
    v70 = -logit
    v71 = where(v69, v70, logit)
    v72 = exp(v71)
    v73 = logit >= 0.0
    v74 = where(v73, 1.0, v72)
    v75 = logit >= 0.0
    v76 = where(v75, v72, 1.0)
    v77 = 1.0 + v72
    v78 = positive * v76
    v79 = negative * v74
    v80 = v78 + v79
    v81 = divide(v80, v77)
    v82 = positive_weight * positive
    v83 = negative_weight * negative
    v84 = v82 + v83
    v85 = power(v81, gamma)
    v86 = gamma + 1.0
    v87 = v86 * v84
    v88 = v87 * v85
    v89 = positive_weight - negative_weight
    v90 = v89 * v85
    v91 = v90 * v81
    v92 = v84 * v85
    v93 = v92 * v81
    v94 = poly * v93
    v95 = v61 + v94
    v96 = negative - positive
    v97 = v88 * v96
    v98 = v77 * v77
    v99 = divide(v72, v98)
    v100 = v97 * v99
    v101 = poly * v100
    v102 = v66 + v101
    v103 = poly * keep
    v104 = v76 - v74
    v105 = divide(v104, v77)
    v106 = v88 * v105
    v107 = v106 + v91
    v108 = v103 * v107
    v109 = v68 + v108
    return v95, v102, v109


@triton.jit
def quality_focal(logit, positive, negative, keep, quality, beta):
    v0 = weighted(positive, quality)
    v1 = 1.0 - v0
    v2 = logit >= 0.0
    v3 = -logit
    v4 = where(v2, v3, logit)
    v5 = exp(v4)
    v6 = logit >= 0.0
    v7 = where(v6, 1.0, v5)
    v8 = logit >= 0.0
    v9 = where(v8, v5, 1.0)
    v10 = logit >= 0.0
    v11 = -logit
    v12 = where(v10, v11, logit)
    v13 = exp(v12)
    v14 = logit >= 0.0
    v15 = where(v14, 1.0, v13)
    v16 = logit >= 0.0
    v17 = where(v16, v13, 1.0)
    v18 = logit >= 0.0
    v19 = -logit
    v20 = where(v18, 0.0, v19)
    v21 = logit >= 0.0
    v22 = where(v21, logit, 0.0)
    v23 = log1p_of_fraction(v13)
    v24 = weighted(v0, v20)
    v25 = v23 + v24
    v26 = weighted(v1, v22)
    v27 = v25 + v26
    v28 = v1 * v15
    v29 = v0 * v17
    v30 = v28 - v29
    v31 = 1.0 + v13
    v32 = divide(v30, v31)
    v34 = v1 * v7
    v35 = v0 * v9
    v36 = v34 - v35
    v37 = 1.0 + v5
    v38 = v36 * v37
    v39 = quotient(v5, v38)
    v40 = weighted(v39, v27)
    v41 = absolute(v32)
    v42 = power(v41, beta)
    v43 = weighted(v42, v27)
    v44 = beta * v40
    v45 = v32 + v44
    v46 = weighted(v42, v45)
    return v43, v46, 0.0


@triton.jit
def varifocal(logit, positive, negative, keep, quality, alpha, gamma):
    v0 = weighted(positive, quality)
    v1 = 1.0 - v0
    v2 = logit >= 0.0
    v3 = -logit
    v4 = where(v2, v3, logit)
    v5 = exp(v4)
    v6 = logit >= 0.0
    v7 = where(v6, 1.0, v5)
    v8 = logit >= 0.0
    v9 = where(v8, v5, 1.0)
    v10 = logit >= 0.0
    v11 = -logit
    v12 = where(v10, v11, logit)
    v13 = exp(v12)
    v14 = logit >= 0.0
    v15 = where(v14, 1.0, v13)
    v16 = logit >= 0.0
    v17 = where(v16, v13, 1.0)
    v18 = logit >= 0.0
    v19 = -logit
    v20 = where(v18, 0.0, v19)
    v21 = logit >= 0.0
    v22 = where(v21, logit, 0.0)
    v23 = log1p_of_fraction(v13)
    v24 = weighted(v0, v20)
    v25 = v23 + v24
    v26 = weighted(v1, v22)
    v27 = v25 + v26
    v28 = v1 * v15
    v29 = v0 * v17
    v30 = v28 - v29
    v31 = 1.0 + v13
    v32 = divide(v30, v31)
    v34 = v1 * v7
    v35 = v0 * v9
    v36 = v34 - v35
    v37 = 1.0 + v5
    v38 = v36 * v37
    v39 = quotient(v5, v38)
    v40 = weighted(v39, v27)
    v41 = absolute(v32)
    v42 = v0 > 0.0
    v43 = power(v41, gamma)
    v44 = alpha * v43
    v45 = where(v42, v0, v44)
    v46 = where(v42, 0.0, gamma)
    v47 = weighted(v45, v27)
    v48 = v46 * v40
    v49 = v32 + v48
    v50 = weighted(v45, v49)
    return v47, v50, 0.0


@triton.jit
def varifocal_with_constant_focus(logit, positive, negative, keep, quality, alpha, gamma):
    v0 = weighted(positive, quality)
    v1 = 1.0 - v0
    v10 = logit >= 0.0
    v11 = -logit
    v12 = where(v10, v11, logit)
    v13 = exp(v12)
    v14 = logit >= 0.0
    v15 = where(v14, 1.0, v13)
    v16 = logit >= 0.0
    v17 = where(v16, v13, 1.0)
    v18 = logit >= 0.0
    v19 = -logit
    v20 = where(v18, 0.0, v19)
    v21 = logit >= 0.0
    v22 = where(v21, logit, 0.0)
    v23 = log1p_of_fraction(v13)
    v24 = weighted(v0, v20)
    v25 = v23 + v24
    v26 = weighted(v1, v22)
    v27 = v25 + v26
    v28 = v1 * v15
    v29 = v0 * v17
    v30 = v28 - v29
    v31 = 1.0 + v13
    v32 = divide(v30, v31)
    v41 = absolute(v32)
    v42 = power(v41, gamma)
    v43 = constant(v42)
    v44 = v0 > 0.0
    v45 = alpha * v43
    v46 = where(v44, v0, v45)
    v47 = weighted(v46, v27)
    v48 = weighted(v46, v32)
    return v47, v48, 0.0


@triton.jit
def matchability_aware(logit, positive, negative, keep, quality, gamma, alpha):
    v0 = positive > 0.0
    v1 = weighted(positive, quality)
    v2 = logit >= 0.0
    v3 = -logit
    v4 = where(v2, v3, logit)
    v5 = exp(v4)
    v6 = logit >= 0.0
    v7 = where(v6, 1.0, v5)
    v10 = where(v0, v1, 1.0)
    v11 = log(v10)
    v12 = weighted(gamma, v11)
    v13 = expm1(v12)
    v14 = -v13
    v15 = 1.0 + v5
    v16 = divide(v7, v15)
    v17 = where(v0, v1, v16)
    v18 = power(v17, gamma)
    v19 = constant(v18)
    v20 = where(v0, v19, positive)
    v21 = where(v0, v14, negative)
    v30 = logit >= 0.0
    v31 = -logit
    v32 = where(v30, v31, logit)
    v33 = exp(v32)
    v34 = logit >= 0.0
    v35 = where(v34, 1.0, v33)
    v36 = logit >= 0.0
    v37 = where(v36, v33, 1.0)
    v38 = logit >= 0.0
    v39 = -logit
    v40 = where(v38, 0.0, v39)
    v41 = logit >= 0.0
    v42 = where(v41, logit, 0.0)
    v43 = log1p_of_fraction(v33)
    v44 = weighted(v20, v40)
    v45 = v43 + v44
    v46 = weighted(v21, v42)
    v47 = v45 + v46
    v48 = v21 * v35
    v49 = v20 * v37
    v50 = v48 - v49
    v51 = 1.0 + v33
    v52 = divide(v50, v51)
    v62 = alpha * v19
    v63 = where(v0, 1.0, v62)
    v64 = weighted(v63, v47)
    v65 = weighted(v63, v52)
    return v64, v65, 0.0


@triton.jit
def iou_aware_cross_entropy(logit, positive, negative, keep, quality, alpha, gamma):
    v0 = positive > 0.0
    v1 = weighted(positive, quality)
    v2 = logit >= 0.0
    v3 = -logit
    v4 = where(v2, v3, logit)
    v5 = exp(v4)
    v10 = logit >= 0.0
    v11 = where(v10, 0.0, logit)
    v12 = log1p_of_fraction(v5)
    v13 = v11 - v12
    v14 = where(v0, v1, 1.0)
    v15 = log(v14)
    v16 = weighted(alpha, v13)
    v17 = 1.0 - alpha
    v18 = weighted(v17, v15)
    v19 = v16 + v18
    v20 = constant(v19)
    v21 = v20 < -4.605170185988091
    v22 = exp(v20)
    v23 = where(v21, 0.01, v22)
    v24 = expm1(v20)
    v25 = -v24
    v26 = where(v21, 0.99, v25)
    v27 = where(v0, v23, positive)
    v28 = where(v0, v26, negative)
    v29 = logit >= 0.0
    v30 = -logit
    v31 = where(v29, v30, logit)
    v32 = exp(v31)
    v33 = logit >= 0.0
    v34 = where(v33, 1.0, v32)
    v35 = logit >= 0.0
    v36 = where(v35, v32, 1.0)
    v37 = logit >= 0.0
    v38 = -logit
    v39 = where(v37, v38, logit)
    v40 = exp(v39)
    v41 = logit >= 0.0
    v42 = where(v41, 1.0, v40)
    v43 = logit >= 0.0
    v44 = where(v43, v40, 1.0)
    v45 = logit >= 0.0
    v46 = -logit
    v47 = where(v45, 0.0, v46)
    v48 = logit >= 0.0
    v49 = where(v48, logit, 0.0)
    v50 = log1p_of_fraction(v40)
    v51 = weighted(v27, v47)
    v52 = v50 + v51
    v53 = weighted(v28, v49)
    v54 = v52 + v53
    v55 = v28 * v42
    v56 = v27 * v44
    v57 = v55 - v56
    v58 = 1.0 + v40
    v59 = divide(v57, v58)
    v61 = v28 * v34
    v62 = v27 * v36
    v63 = v61 - v62
    v64 = 1.0 + v32
    v65 = v63 * v64
    v66 = quotient(v32, v65)
    v67 = weighted(v66, v54)
    v68 = absolute(v59)
    v69 = power(v68, gamma)
    v70 = where(v0, 1.0, v69)
    v71 = where(v0, 0.0, gamma)
    v72 = weighted(v70, v54)
    v73 = v71 * v67
    v74 = v59 + v73
    v75 = weighted(v70, v74)
    return v72, v75, 0.0


@triton.jit
def heatmap_focal(logit, positive, negative, keep, alpha, beta, peak):
    v0 = positive >= peak
    v1 = 0.0 * positive
    v2 = where(v0, 1.0, v1)
    v3 = 1.0 + v1
    v4 = where(v0, 0.0, v3)
    v5 = logit >= 0.0
    v6 = -logit
    v7 = where(v5, v6, logit)
    v8 = exp(v7)
    v9 = logit >= 0.0
    v10 = where(v9, 1.0, v8)
    v11 = logit >= 0.0
    v12 = where(v11, v8, 1.0)
    v13 = logit >= 0.0
    v14 = -logit
    v15 = where(v13, v14, logit)
    v16 = exp(v15)
    v17 = logit >= 0.0
    v18 = where(v17, 1.0, v16)
    v19 = logit >= 0.0
    v20 = where(v19, v16, 1.0)
    v21 = logit >= 0.0
    v22 = -logit
    v23 = where(v21, 0.0, v22)
    v24 = logit >= 0.0
    v25 = where(v24, logit, 0.0)
    v26 = log1p_of_fraction(v16)
    v27 = weighted(v2, v23)
    v28 = v26 + v27
    v29 = weighted(v4, v25)
    v30 = v28 + v29
    v31 = v4 * v18
    v32 = v2 * v20
    v33 = v31 - v32
    v34 = 1.0 + v16
    v35 = divide(v33, v34)
    v37 = v4 * v10
    v38 = v2 * v12
    v39 = v37 - v38
    v40 = 1.0 + v8
    v41 = v39 * v40
    v42 = quotient(v8, v41)
    v43 = weighted(v42, v30)
    v44 = absolute(v35)
    v45 = power(negative, beta)
    v46 = where(v0, 1.0, v45)
    v47 = power(v44, alpha)
    v48 = v46 * v47
    v49 = weighted(v48, v30)
    v50 = alpha * v43
    v51 = v35 + v50
    v52 = weighted(v48, v51)
    return v49, v52, 0.0


@triton.jit
def asymmetric(logit, positive, negative, keep, positive_gamma, negative_gamma, margin, threshold, threshold_low):
    v0 = positive > 0.0
    v1 = logit >= 0.0
    v2 = -logit
    v3 = where(v1, v2, logit)
    v4 = exp(v3)
    v5 = logit >= 0.0
    v6 = where(v5, 1.0, v4)
    v7 = logit >= 0.0
    v8 = where(v7, v4, 1.0)
    v9 = 1.0 + v4
    v10 = where(v0, 1.0, positive)
    v11 = where(v0, 0.0, negative)
    v12 = logit >= 0.0
    v13 = -logit
    v14 = where(v12, v13, logit)
    v15 = exp(v14)
    v16 = logit >= 0.0
    v17 = where(v16, 1.0, v15)
    v18 = logit >= 0.0
    v19 = where(v18, v15, 1.0)
    v20 = logit >= 0.0
    v21 = -logit
    v22 = where(v20, v21, logit)
    v23 = exp(v22)
    v24 = logit >= 0.0
    v25 = where(v24, 1.0, v23)
    v26 = logit >= 0.0
    v27 = where(v26, v23, 1.0)
    v28 = logit >= 0.0
    v29 = -logit
    v30 = where(v28, 0.0, v29)
    v31 = logit >= 0.0
    v32 = where(v31, logit, 0.0)
    v33 = log1p_of_fraction(v23)
    v34 = weighted(v10, v30)
    v35 = v33 + v34
    v36 = weighted(v11, v32)
    v37 = v35 + v36
    v38 = v11 * v25
    v39 = v10 * v27
    v40 = v38 - v39
    v41 = 1.0 + v23
    v42 = divide(v40, v41)
    v44 = v11 * v17
    v45 = v10 * v19
    v46 = v44 - v45
    v47 = 1.0 + v15
    v48 = v46 * v47
    v49 = quotient(v15, v48)
    v50 = weighted(v49, v37)
    v51 = absolute(v42)
    v52 = logit - threshold
    v53 = v52 <= threshold_low
    v54 = 1.0 - margin
    v55 = threshold_low - v52
    v56 = where(v53, 0.0, v55)
    v57 = expm1(v56)
    v58 = -v57
    v59 = v54 * v58
    v60 = margin * v9
    v61 = v8 + v60
    v62 = v59 * v6
    v63 = divide(v62, v61)
    v64 = log1p(v63)
    v65 = v59 * v6
    v66 = divide(v65, v9)
    v67 = power(v66, negative_gamma)
    v68 = where(v53, 0.0, v67)
    v69 = v9 * v59
    v70 = quotient(v8, v69)
    v71 = weighted(v70, v64)
    v72 = v9 * v61
    v73 = divide(v4, v72)
    v74 = negative_gamma * v71
    v75 = v73 + v74
    v76 = power(v51, positive_gamma)
    v77 = positive_gamma * v50
    v78 = v42 + v77
    v79 = weighted(negative, v68)
    v80 = where(v0, v76, v79)
    v81 = where(v0, v37, v64)
    v82 = weighted(v80, v81)
    v83 = where(v0, v78, v75)
    v84 = weighted(v80, v83)
    return v82, v84, 0.0


@triton.jit
def asymmetric_without_margin(logit, positive, negative, keep, positive_gamma, negative_gamma):
    v0 = positive > 0.0
    v1 = where(v0, 1.0, positive)
    v2 = where(v0, 0.0, negative)
    v3 = logit >= 0.0
    v4 = -logit
    v5 = where(v3, v4, logit)
    v6 = exp(v5)
    v7 = logit >= 0.0
    v8 = where(v7, 1.0, v6)
    v9 = logit >= 0.0
    v10 = where(v9, v6, 1.0)
    v11 = logit >= 0.0
    v12 = -logit
    v13 = where(v11, v12, logit)
    v14 = exp(v13)
    v15 = logit >= 0.0
    v16 = where(v15, 1.0, v14)
    v17 = logit >= 0.0
    v18 = where(v17, v14, 1.0)
    v19 = logit >= 0.0
    v20 = -logit
    v21 = where(v19, 0.0, v20)
    v22 = logit >= 0.0
    v23 = where(v22, logit, 0.0)
    v24 = log1p_of_fraction(v14)
    v25 = weighted(v1, v21)
    v26 = v24 + v25
    v27 = weighted(v2, v23)
    v28 = v26 + v27
    v29 = v2 * v16
    v30 = v1 * v18
    v31 = v29 - v30
    v32 = 1.0 + v14
    v33 = divide(v31, v32)
    v35 = v2 * v8
    v36 = v1 * v10
    v37 = v35 - v36
    v38 = 1.0 + v6
    v39 = v37 * v38
    v40 = quotient(v6, v39)
    v41 = weighted(v40, v28)
    v42 = absolute(v33)
    v43 = power(v42, positive_gamma)
    v44 = power(v42, negative_gamma)
    v45 = where(v0, v43, v44)
    v46 = where(v0, positive_gamma, negative_gamma)
    v47 = weighted(v45, v28)
    v48 = v46 * v41
    v49 = v33 + v48
    v50 = weighted(v45, v49)
    return v47, v50, 0.0


@triton.jit
def cross_entropy(nll, probability, complement):
    return nll, 1.0


@triton.jit
def softmax_focal(nll, probability, complement, gamma):
    v0 = power(complement, gamma)
    v1 = gamma * probability
    v2 = quotient(nll, complement)
    v3 = weighted(v1, v2)
    v4 = weighted(v0, nll)
    v5 = v3 + 1.0
    v6 = v0 * v5
    return v4, v6


@triton.jit
def poly_softmax_focal(nll, probability, complement, gamma, leading):
    v0 = leading * complement
    v1 = complement < 0.5
    v2 = where(v1, complement, 0.0)
    v3 = 2.0 - v2
    v4 = divide(v2, v3)
    v5 = v4 * v4
    v6 = 0.0 * v5
    v7 = v6 + 0.02857142857142857
    v8 = v7 * v5
    v9 = v8 + 0.030303030303030304
    v10 = v9 * v5
    v11 = v10 + 0.03225806451612903
    v12 = v11 * v5
    v13 = v12 + 0.034482758620689655
    v14 = v13 * v5
    v15 = v14 + 0.037037037037037035
    v16 = v15 * v5
    v17 = v16 + 0.04
    v18 = v17 * v5
    v19 = v18 + 0.043478260869565216
    v20 = v19 * v5
    v21 = v20 + 0.047619047619047616
    v22 = v21 * v5
    v23 = v22 + 0.05263157894736842
    v24 = v23 * v5
    v25 = v24 + 0.058823529411764705
    v26 = v25 * v5
    v27 = v26 + 0.06666666666666667
    v28 = v27 * v5
    v29 = v28 + 0.07692307692307693
    v30 = v29 * v5
    v31 = v30 + 0.09090909090909091
    v32 = v31 * v5
    v33 = v32 + 0.1111111111111111
    v34 = v33 * v5
    v35 = v34 + 0.14285714285714285
    v36 = v35 * v5
    v37 = v36 + 0.2
    v38 = v37 * v5
    v39 = v38 + 0.3333333333333333
    v40 = v5 * v39
    v41 = 2.0 * v40
    v42 = v2 + v41
    v43 = v4 * v42
    v44 = nll - complement
    v45 = where(v1, v43, v44)
    v46 = v0 + v45
    v47 = power(complement, gamma)
    v48 = gamma * probability
    v49 = quotient(v46, complement)
    v50 = weighted(v48, v49)
    v51 = weighted(v47, v46)
    v52 = leading * probability
    v53 = v52 + complement
    v54 = v50 + v53
    v55 = v47 * v54
    return v51, v55


@triton.jit
def raised_logit(logit, highest, missing, top):
    v0 = missing == 0.0
    v1 = 2.0 * top
    v2 = highest < v1
    v3 = v0 & v2
    v4 = highest - highest
    v5 = v4 == 0.0
    v6 = v3 & v5
    v7 = logit - highest
    v8 = v7 + top
    v9 = where(v6, v8, logit)
    return v9


@triton.jit
def mask_parts(logit, target):
    v0 = logit >= 0.0
    v1 = -logit
    v2 = where(v0, v1, logit)
    v3 = exp(v2)
    v4 = logit >= 0.0
    v5 = where(v4, 1.0, v3)
    v6 = logit >= 0.0
    v7 = where(v6, v3, 1.0)
    v8 = 1.0 + v3
    v9 = divide(v5, v8)
    v10 = 1.0 + v3
    v11 = divide(v7, v10)
    v12 = v9 * target
    v13 = 1.0 - target
    v14 = v9 * v13
    v15 = v11 * target
    return v12, v14, v15


@triton.jit
def mask_derivatives(logit, target, total, by_shared, by_excess, by_missing):
    v0 = logit >= 0.0
    v1 = -logit
    v2 = where(v0, v1, logit)
    v3 = exp(v2)
    v4 = logit >= 0.0
    v5 = where(v4, 1.0, v3)
    v6 = logit >= 0.0
    v7 = where(v6, v3, 1.0)
    v8 = 1.0 + v3
    v9 = divide(v5, v8)
    v10 = 1.0 + v3
    v11 = divide(v7, v10)
    v12 = by_shared - by_missing
    v13 = target * v12
    v14 = 1.0 - target
    v15 = v14 * by_excess
    v16 = v13 + v15
    v17 = quotient(v9, total)
    v18 = by_shared - by_excess
    v19 = v17 * v18
    v20 = quotient(v11, total)
    v21 = v20 * by_missing
    v22 = v19 + v21
    v23 = v9 * v11
    v24 = quotient(v23, total)
    v25 = v24 * v16
    return v25, v22


@triton.jit
def tversky(shared, excess, missing, alpha, beta):
    v0 = alpha * excess
    v1 = beta * missing
    v2 = v0 + v1
    v3 = shared + v2
    v4 = quotient(v2, v3)
    v5 = quotient(shared, v3)
    v6 = -v4
    v7 = alpha * v5
    v8 = beta * v5
    return v4, v3, v6, v7, v8


@triton.jit
def iou(symmetric_difference, intersection, distinct, enclosure_excess, distance, diagonal, aspect_angle):
    v0 = symmetric_difference + intersection
    v1 = quotient(intersection, v0)
    v2 = v0 == 0.0
    v3 = quotient(symmetric_difference, v0)
    v4 = where(v2, distinct, v3)
    v5 = v0 == 0.0
    v6 = 1.0 - distinct
    v7 = where(v5, v6, v1)
    v8 = quotient(v1, v0)
    v9 = quotient(v4, v0)
    v10 = -v9
    return v4, v7, v8, v10, 0.0, 0.0, 0.0, 0.0


@triton.jit
def generalized_iou(symmetric_difference, intersection, distinct, enclosure_excess, distance, diagonal, aspect_angle):
    v0 = symmetric_difference + intersection
    v1 = v0 + enclosure_excess
    v2 = inverse(v1)
    v3 = v1 == 0.0
    v4 = enclosure_excess * v2
    v5 = where(v3, distinct, v4)
    v6 = -v5
    v7 = v6 * v2
    v8 = v0 * v2
    v9 = v8 * v2
    v10 = symmetric_difference + intersection
    v11 = quotient(intersection, v10)
    v12 = v10 == 0.0
    v13 = quotient(symmetric_difference, v10)
    v14 = where(v12, distinct, v13)
    v15 = v10 == 0.0
    v16 = 1.0 - distinct
    v17 = where(v15, v16, v11)
    v18 = quotient(v11, v10)
    v19 = quotient(v14, v10)
    v20 = -v19
    v21 = v14 + v5
    v22 = v17 - v5
    v23 = v18 + v7
    v24 = v20 + v7
    return v21, v22, v23, v24, v9, 0.0, 0.0, 0.0


@triton.jit
def distance_iou(symmetric_difference, intersection, distinct, enclosure_excess, distance, diagonal, aspect_angle):
    v0 = quotient(distance, diagonal)
    v1 = inverse(diagonal)
    v2 = quotient(v0, diagonal)
    v3 = -v2
    v4 = symmetric_difference + intersection
    v5 = quotient(intersection, v4)
    v6 = v4 == 0.0
    v7 = quotient(symmetric_difference, v4)
    v8 = where(v6, distinct, v7)
    v9 = v4 == 0.0
    v10 = 1.0 - distinct
    v11 = where(v9, v10, v5)
    v12 = quotient(v5, v4)
    v13 = quotient(v8, v4)
    v14 = -v13
    v15 = v8 + v0
    v16 = v11 - v0
    return v15, v16, v12, v14, 0.0, v1, v3, 0.0


@triton.jit
def complete_iou(symmetric_difference, intersection, distinct, enclosure_excess, distance, diagonal, aspect_angle):
    v0 = quotient(distance, diagonal)
    v1 = inverse(diagonal)
    v2 = quotient(v0, diagonal)
    v3 = -v2
    v4 = symmetric_difference + intersection
    v6 = v4 == 0.0
    v7 = quotient(symmetric_difference, v4)
    v8 = where(v6, distinct, v7)
    v15 = 0.4052847345693511 * aspect_angle
    v16 = v15 * aspect_angle
    v17 = v8 + v16
    v18 = quotient(v16, v17)
    v19 = constant(v18)
    v20 = v19 * v16
    v21 = 0.8105694691387022 * v19
    v22 = v21 * aspect_angle
    v23 = symmetric_difference + intersection
    v24 = quotient(intersection, v23)
    v25 = v23 == 0.0
    v26 = quotient(symmetric_difference, v23)
    v27 = where(v25, distinct, v26)
    v28 = v23 == 0.0
    v29 = 1.0 - distinct
    v30 = where(v28, v29, v24)
    v31 = quotient(v24, v23)
    v32 = quotient(v27, v23)
    v33 = -v32
    v34 = v27 + v0
    v35 = v30 - v0
    v36 = v34 + v20
    v37 = v35 - v20
    return v36, v37, v31, v33, 0.0, v1, v3, v22


@triton.jit
def wise_iou(symmetric_difference, intersection, distinct, enclosure_excess, distance, diagonal, aspect_angle):
    v0 = symmetric_difference + intersection
    v1 = quotient(intersection, v0)
    v2 = v0 == 0.0
    v3 = quotient(symmetric_difference, v0)
    v4 = where(v2, distinct, v3)
    v8 = quotient(v1, v0)
    v9 = quotient(v4, v0)
    v10 = -v9
    v11 = constant(diagonal)
    v12 = quotient(distance, v11)
    v13 = exp(v12)
    v14 = v4 * v13
    v15 = 1.0 - v14
    v16 = v8 * v13
    v17 = v10 * v13
    v18 = inverse(v11)
    v19 = v14 * v18
    return v14, v15, v16, v17, 0.0, v19, 0.0, 0.0


@triton.jit
def efficient_iou(
    symmetric_difference,
    intersection,
    distinct,
    enclosure_excess,
    distance,
    diagonal,
    aspect_angle,
    inner_difference,
    inner_intersection,
    unit,
    exchanged,
    start0,
    end0,
    side0,
    target_side0,
    shift0,
    growth0,
    span0,
    start1,
    end1,
    side1,
    target_side1,
    shift1,
    growth1,
    span1,
    parameter0,
    parameter1,
    parameter2,
    parameter3,
    parameter4,
    parameter5,
    parameter6,
):
    v0 = quotient(distance, diagonal)
    v1 = inverse(diagonal)
    v2 = quotient(v0, diagonal)
    v3 = -v2
    v4 = quotient(growth0, span0)
    v5 = quotient(v4, span0)
    v6 = 2.0 * v5
    v7 = v4 * v4
    v8 = 0.0 + v7
    v9 = -v4
    v10 = v9 * v6
    v11 = quotient(growth1, span1)
    v12 = quotient(v11, span1)
    v13 = 2.0 * v12
    v14 = v11 * v11
    v15 = v8 + v14
    v16 = -v11
    v17 = v16 * v13
    v18 = symmetric_difference + intersection
    v19 = quotient(intersection, v18)
    v20 = v18 == 0.0
    v21 = quotient(symmetric_difference, v18)
    v22 = where(v20, distinct, v21)
    v23 = v18 == 0.0
    v24 = 1.0 - distinct
    v25 = where(v23, v24, v19)
    v26 = quotient(v19, v18)
    v27 = quotient(v22, v18)
    v28 = -v27
    v29 = v22 + v0
    v30 = v25 - v0
    v31 = v29 + v15
    v32 = v30 - v15
    return v31, v32, v26, v28, 0.0, v1, v3, 0.0, 0.0, 0.0, 0.0, v6, v10, 0.0, v13, v17


@triton.jit
def scylla_iou(
    symmetric_difference,
    intersection,
    distinct,
    enclosure_excess,
    distance,
    diagonal,
    aspect_angle,
    inner_difference,
    inner_intersection,
    unit,
    exchanged,
    start0,
    end0,
    side0,
    target_side0,
    shift0,
    growth0,
    span0,
    start1,
    end1,
    side1,
    target_side1,
    shift1,
    growth1,
    span1,
    parameter0,
    parameter1,
    parameter2,
    parameter3,
    parameter4,
    parameter5,
    parameter6,
):
    v0 = absolute(shift0)
    v1 = absolute(shift1)
    v2 = maximum(v0, v1)
    v3 = quotient(v0, v2)
    v4 = quotient(v1, v2)
    v5 = v3 * v3
    v6 = v4 * v4
    v7 = v5 + v6
    v8 = 2.0 * v3
    v9 = v8 * v4
    v10 = quotient(v9, v7)
    v11 = 2.0 - v10
    v12 = quotient(v0, span0)
    v13 = quotient(v1, span1)
    v14 = -v11
    v15 = v14 * v12
    v16 = v15 * v12
    v17 = exp(v16)
    v18 = -v11
    v19 = v18 * v13
    v20 = v19 * v13
    v21 = exp(v20)
    v22 = -v11
    v23 = v22 * v12
    v24 = v23 * v12
    v25 = expm1(v24)
    v26 = 0.5 * v25
    v27 = 0.0 - v26
    v28 = -v11
    v29 = v28 * v13
    v30 = v29 * v13
    v31 = expm1(v30)
    v32 = 0.5 * v31
    v33 = v27 - v32
    v34 = v1 - v0
    v35 = quotient(v34, v2)
    v36 = v3 + v4
    v37 = v35 * v36
    v38 = v4 * v37
    v39 = v7 * v7
    v40 = quotient(v38, v39)
    v41 = 2.0 * v40
    v42 = v3 * v37
    v43 = v7 * v7
    v44 = quotient(v42, v43)
    v45 = -2.0 * v44
    v46 = v17 * v12
    v47 = quotient(v46, span0)
    v48 = v21 * v13
    v49 = quotient(v48, span1)
    v50 = v47 * v3
    v51 = v49 * v4
    v52 = v50 + v51
    v53 = sign(shift0)
    v54 = v11 * v47
    v55 = 0.5 * v52
    v56 = v55 * v41
    v57 = v54 - v56
    v58 = v53 * v57
    v59 = -v11
    v60 = v59 * v12
    v61 = v60 * v47
    v62 = sign(shift1)
    v63 = v11 * v49
    v64 = 0.5 * v52
    v65 = v64 * v45
    v66 = v63 - v65
    v67 = v62 * v66
    v68 = -v11
    v69 = v68 * v13
    v70 = v69 * v49
    v71 = maximum(side0, target_side0)
    v72 = growth0 > 0.0
    v73 = v71 > 0.0
    v74 = absolute(growth0)
    v75 = quotient(v74, v71)
    v76 = 1.0 * v75
    v77 = where(v73, v76, 0.0)
    v78 = -v77
    v79 = expm1(v78)
    v80 = -v79
    v81 = v80 * v80
    v82 = 0.5 * parameter0
    v83 = power(v81, v82)
    v84 = quotient(target_side0, v71)
    v85 = sign(growth0)
    v86 = where(v72, v84, v85)
    v87 = quotient(v86, v71)
    v88 = 1.0 * v87
    v89 = where(v73, v88, 0.0)
    v90 = 0.5 * v83
    v91 = 0.0 + v90
    v92 = 0.5 * parameter0
    v93 = quotient(v83, v80)
    v94 = v92 * v93
    v95 = -v77
    v96 = exp(v95)
    v97 = v94 * v96
    v98 = v97 * v89
    v99 = maximum(side1, target_side1)
    v100 = growth1 > 0.0
    v101 = v99 > 0.0
    v102 = absolute(growth1)
    v103 = quotient(v102, v99)
    v104 = 1.0 * v103
    v105 = where(v101, v104, 0.0)
    v106 = -v105
    v107 = expm1(v106)
    v108 = -v107
    v109 = v108 * v108
    v110 = 0.5 * parameter0
    v111 = power(v109, v110)
    v112 = quotient(target_side1, v99)
    v113 = sign(growth1)
    v114 = where(v100, v112, v113)
    v115 = quotient(v114, v99)
    v116 = 1.0 * v115
    v117 = where(v101, v116, 0.0)
    v118 = 0.5 * v111
    v119 = v91 + v118
    v120 = 0.5 * parameter0
    v121 = quotient(v111, v108)
    v122 = v120 * v121
    v123 = -v105
    v124 = exp(v123)
    v125 = v122 * v124
    v126 = v125 * v117
    v127 = v33 + v119
    v128 = symmetric_difference + intersection
    v129 = quotient(intersection, v128)
    v130 = v128 == 0.0
    v131 = quotient(symmetric_difference, v128)
    v132 = where(v130, distinct, v131)
    v133 = v128 == 0.0
    v134 = 1.0 - distinct
    v135 = where(v133, v134, v129)
    v136 = quotient(v129, v128)
    v137 = quotient(v132, v128)
    v138 = -v137
    v139 = v132 + v127
    v140 = v135 - v127
    return v139, v140, v136, v138, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, v58, v98, v61, v67, v126, v70


@triton.jit
def minimum_points_distance_iou(
    symmetric_difference,
    intersection,
    distinct,
    enclosure_excess,
    distance,
    diagonal,
    aspect_angle,
    inner_difference,
    inner_intersection,
    unit,
    exchanged,
    start0,
    end0,
    side0,
    target_side0,
    shift0,
    growth0,
    span0,
    start1,
    end1,
    side1,
    target_side1,
    shift1,
    growth1,
    span1,
    parameter0,
    parameter1,
    parameter2,
    parameter3,
    parameter4,
    parameter5,
    parameter6,
):
    v0 = parameter0 * unit
    v1 = quotient(start0, v0)
    v2 = quotient(end0, v0)
    v3 = v1 * v1
    v4 = v2 * v2
    v5 = v3 + v4
    v6 = 0.0 + v5
    v7 = quotient(shift0, v0)
    v8 = quotient(v7, v0)
    v9 = 4.0 * v8
    v10 = quotient(growth0, v0)
    v11 = quotient(v10, v0)
    v12 = quotient(start1, v0)
    v13 = quotient(end1, v0)
    v14 = v12 * v12
    v15 = v13 * v13
    v16 = v14 + v15
    v17 = v6 + v16
    v18 = quotient(shift1, v0)
    v19 = quotient(v18, v0)
    v20 = 4.0 * v19
    v21 = quotient(growth1, v0)
    v22 = quotient(v21, v0)
    v23 = symmetric_difference + intersection
    v24 = quotient(intersection, v23)
    v25 = v23 == 0.0
    v26 = quotient(symmetric_difference, v23)
    v27 = where(v25, distinct, v26)
    v28 = v23 == 0.0
    v29 = 1.0 - distinct
    v30 = where(v28, v29, v24)
    v31 = quotient(v24, v23)
    v32 = quotient(v27, v23)
    v33 = -v32
    v34 = v27 + v17
    v35 = v30 - v17
    return v34, v35, v31, v33, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, v9, v11, 0.0, v20, v22, 0.0


@triton.jit
def shape_iou(
    symmetric_difference,
    intersection,
    distinct,
    enclosure_excess,
    distance,
    diagonal,
    aspect_angle,
    inner_difference,
    inner_intersection,
    unit,
    exchanged,
    start0,
    end0,
    side0,
    target_side0,
    shift0,
    growth0,
    span0,
    start1,
    end1,
    side1,
    target_side1,
    shift1,
    growth1,
    span1,
    parameter0,
    parameter1,
    parameter2,
    parameter3,
    parameter4,
    parameter5,
    parameter6,
):
    v0 = exchanged == 1.0
    v1 = where(v0, side0, target_side0)
    v2 = relu(v1)
    v3 = exchanged == 1.0
    v4 = where(v3, side1, target_side1)
    v5 = relu(v4)
    v6 = maximum(v2, v5)
    v7 = v6 > 0.0
    v8 = quotient(v2, v6)
    v9 = where(v7, v8, 1.0)
    v10 = power(v9, parameter0)
    v11 = v6 > 0.0
    v12 = quotient(v5, v6)
    v13 = where(v11, v12, 1.0)
    v14 = power(v13, parameter0)
    v15 = 2.0 * v10
    v16 = v10 + v14
    v17 = divide(v15, v16)
    v18 = constant(v17)
    v19 = 2.0 * v14
    v20 = v10 + v14
    v21 = divide(v19, v20)
    v22 = constant(v21)
    v23 = inverse(diagonal)
    v24 = v22 * shift0
    v25 = v24 * shift0
    v26 = 0.0 + v25
    v27 = 2.0 * v24
    v28 = v27 * v23
    v29 = v18 * shift1
    v30 = v29 * shift1
    v31 = v26 + v30
    v32 = 2.0 * v29
    v33 = v32 * v23
    v34 = quotient(v31, diagonal)
    v35 = quotient(v34, diagonal)
    v36 = -v35
    v37 = maximum(side0, target_side0)
    v38 = growth0 > 0.0
    v39 = v37 > 0.0
    v40 = absolute(growth0)
    v41 = quotient(v40, v37)
    v42 = v22 * v41
    v43 = where(v39, v42, 0.0)
    v44 = -v43
    v45 = expm1(v44)
    v46 = -v45
    v47 = v46 * v46
    v48 = 0.5 * parameter1
    v49 = power(v47, v48)
    v50 = quotient(target_side0, v37)
    v51 = sign(growth0)
    v52 = where(v38, v50, v51)
    v53 = quotient(v52, v37)
    v54 = v22 * v53
    v55 = where(v39, v54, 0.0)
    v56 = 0.5 * v49
    v57 = 0.0 + v56
    v58 = 0.5 * parameter1
    v59 = quotient(v49, v46)
    v60 = v58 * v59
    v61 = -v43
    v62 = exp(v61)
    v63 = v60 * v62
    v64 = v63 * v55
    v65 = maximum(side1, target_side1)
    v66 = growth1 > 0.0
    v67 = v65 > 0.0
    v68 = absolute(growth1)
    v69 = quotient(v68, v65)
    v70 = v18 * v69
    v71 = where(v67, v70, 0.0)
    v72 = -v71
    v73 = expm1(v72)
    v74 = -v73
    v75 = v74 * v74
    v76 = 0.5 * parameter1
    v77 = power(v75, v76)
    v78 = quotient(target_side1, v65)
    v79 = sign(growth1)
    v80 = where(v66, v78, v79)
    v81 = quotient(v80, v65)
    v82 = v18 * v81
    v83 = where(v67, v82, 0.0)
    v84 = 0.5 * v77
    v85 = v57 + v84
    v86 = 0.5 * parameter1
    v87 = quotient(v77, v74)
    v88 = v86 * v87
    v89 = -v71
    v90 = exp(v89)
    v91 = v88 * v90
    v92 = v91 * v83
    v93 = symmetric_difference + intersection
    v94 = quotient(intersection, v93)
    v95 = v93 == 0.0
    v96 = quotient(symmetric_difference, v93)
    v97 = where(v95, distinct, v96)
    v98 = v93 == 0.0
    v99 = 1.0 - distinct
    v100 = where(v98, v99, v94)
    v101 = quotient(v94, v93)
    v102 = quotient(v97, v93)
    v103 = -v102
    v104 = v97 + v34
    v105 = v100 - v34
    v106 = v104 + v85
    v107 = v105 - v85
    return v106, v107, v101, v103, 0.0, 0.0, v36, 0.0, 0.0, 0.0, v28, v64, 0.0, v33, v92, 0.0


@triton.jit
def powerful_iou(
    symmetric_difference,
    intersection,
    distinct,
    enclosure_excess,
    distance,
    diagonal,
    aspect_angle,
    inner_difference,
    inner_intersection,
    unit,
    exchanged,
    start0,
    end0,
    side0,
    target_side0,
    shift0,
    growth0,
    span0,
    start1,
    end1,
    side1,
    target_side1,
    shift1,
    growth1,
    span1,
    parameter0,
    parameter1,
    parameter2,
    parameter3,
    parameter4,
    parameter5,
    parameter6,
):
    v0 = absolute(start0)
    v1 = absolute(end0)
    v2 = v0 + v1
    v3 = exchanged == 1.0
    v4 = where(v3, side0, target_side0)
    v5 = v4 == 0.0
    v6 = v2 == 0.0
    v7 = where(v6, v2, 64.0)
    v8 = quotient(v2, v4)
    v9 = 0.25 * v8
    v10 = where(v5, v7, v9)
    v11 = absolute(v10)
    v12 = v11 > 64.0
    v13 = where(v12, 64.0, v10)
    v14 = 0.0 + v13
    v15 = absolute(start1)
    v16 = absolute(end1)
    v17 = v15 + v16
    v18 = exchanged == 1.0
    v19 = where(v18, side1, target_side1)
    v20 = v19 == 0.0
    v21 = v17 == 0.0
    v22 = where(v21, v17, 64.0)
    v23 = quotient(v17, v19)
    v24 = 0.25 * v23
    v25 = where(v20, v22, v24)
    v26 = absolute(v25)
    v27 = v26 > 64.0
    v28 = where(v27, 64.0, v25)
    v29 = v14 + v28
    v30 = -v29
    v31 = v30 * v29
    v32 = expm1(v31)
    v33 = -v32
    v34 = 2.0 * v29
    v35 = exp(v31)
    v36 = v34 * v35
    v37 = sign(start0)
    v38 = sign(end0)
    v39 = quotient(v36, v4)
    v40 = 0.25 * v39
    v41 = exchanged == 1.0
    v42 = v13 * v39
    v43 = 0.0 * v13
    v44 = where(v41, v42, v43)
    v45 = v37 + v38
    v46 = v45 * v40
    v47 = v38 - v37
    v48 = 0.5 * v47
    v49 = v48 * v40
    v50 = v49 - v44
    v51 = sign(start1)
    v52 = sign(end1)
    v53 = quotient(v36, v19)
    v54 = 0.25 * v53
    v55 = exchanged == 1.0
    v56 = v28 * v53
    v57 = 0.0 * v28
    v58 = where(v55, v56, v57)
    v59 = v51 + v52
    v60 = v59 * v54
    v61 = v52 - v51
    v62 = 0.5 * v61
    v63 = v62 * v54
    v64 = v63 - v58
    v65 = symmetric_difference + intersection
    v66 = quotient(intersection, v65)
    v67 = v65 == 0.0
    v68 = quotient(symmetric_difference, v65)
    v69 = where(v67, distinct, v68)
    v70 = v65 == 0.0
    v71 = 1.0 - distinct
    v72 = where(v70, v71, v66)
    v73 = quotient(v66, v65)
    v74 = quotient(v69, v65)
    v75 = -v74
    v76 = v69 + v33
    v77 = v72 - v33
    return v76, v77, v73, v75, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, v46, v50, 0.0, v60, v64, 0.0


@triton.jit
def log_iou(symmetric_difference, intersection, distinct, enclosure_excess, distance, diagonal, aspect_angle):
    v0 = symmetric_difference + intersection
    v1 = quotient(intersection, v0)
    v5 = v0 == 0.0
    v6 = 1.0 - distinct
    v7 = where(v5, v6, v1)
    v11 = symmetric_difference + intersection
    v12 = inverse(v11)
    v13 = quotient(symmetric_difference, intersection)
    v14 = v13 - v13
    v15 = v14 != 0.0
    v16 = where(v15, symmetric_difference, 1.0)
    v17 = log(v16)
    v18 = where(v15, intersection, 1.0)
    v19 = log(v18)
    v20 = v17 - v19
    v21 = where(v15, 0.0, v13)
    v22 = log1p(v21)
    v23 = intersection > 0.0
    v24 = where(v15, v20, v22)
    v25 = 87.3365447505531 * distinct
    v26 = where(v23, v24, v25)
    v27 = where(v23, v12, 0.0)
    v28 = symmetric_difference * v12
    v29 = -v28
    v30 = inverse(intersection)
    v31 = v29 * v30
    return v26, v7, v27, v31, 0.0, 0.0, 0.0, 0.0


@triton.jit
def normalized_wasserstein(
    symmetric_difference,
    intersection,
    distinct,
    enclosure_excess,
    distance,
    diagonal,
    aspect_angle,
    inner_difference,
    inner_intersection,
    unit,
    exchanged,
    start0,
    end0,
    side0,
    target_side0,
    shift0,
    growth0,
    span0,
    start1,
    end1,
    side1,
    target_side1,
    shift1,
    growth1,
    span1,
    parameter0,
    parameter1,
    parameter2,
    parameter3,
    parameter4,
    parameter5,
    parameter6,
):
    v0 = 0.5 * growth0
    v1 = 0.5 * growth1
    v2 = absolute(shift0)
    v3 = absolute(v0)
    v4 = absolute(shift1)
    v5 = absolute(v1)
    v6 = maximum(v2, v3)
    v7 = maximum(v6, v4)
    v8 = maximum(v7, v5)
    v9 = quotient(shift0, v8)
    v10 = quotient(v0, v8)
    v11 = v9 * v9
    v12 = v10 * v10
    v13 = v11 + v12
    v14 = 0.0 + v13
    v15 = quotient(shift1, v8)
    v16 = quotient(v1, v8)
    v17 = v15 * v15
    v18 = v16 * v16
    v19 = v17 + v18
    v20 = v14 + v19
    v21 = square_root(v20)
    v22 = v8 * v21
    v23 = parameter0 * unit
    v24 = quotient(v22, v23)
    v25 = -v24
    v26 = exp(v25)
    v27 = parameter0 * unit
    v28 = quotient(v26, v27)
    v29 = quotient(shift0, v8)
    v30 = quotient(v29, v21)
    v31 = quotient(v0, v8)
    v32 = quotient(v31, v21)
    v33 = v28 * v30
    v34 = 0.5 * v28
    v35 = v34 * v32
    v36 = quotient(shift1, v8)
    v37 = quotient(v36, v21)
    v38 = quotient(v1, v8)
    v39 = quotient(v38, v21)
    v40 = v28 * v37
    v41 = 0.5 * v28
    v42 = v41 * v39
    v43 = -v24
    v44 = expm1(v43)
    v45 = -v44
    return v45, v26, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, v33, v35, 0.0, v40, v42, 0.0


@triton.jit
def modified_iou(
    symmetric_difference,
    intersection,
    distinct,
    enclosure_excess,
    distance,
    diagonal,
    aspect_angle,
    inner_difference,
    inner_intersection,
    unit,
    exchanged,
    start0,
    end0,
    side0,
    target_side0,
    shift0,
    growth0,
    span0,
    start1,
    end1,
    side1,
    target_side1,
    shift1,
    growth1,
    span1,
    parameter0,
    parameter1,
    parameter2,
    parameter3,
    parameter4,
    parameter5,
    parameter6,
):
    v0 = inner_difference + inner_intersection
    v1 = quotient(inner_intersection, v0)
    v2 = v0 == 0.0
    v3 = quotient(inner_difference, v0)
    v4 = where(v2, distinct, v3)
    v5 = v0 == 0.0
    v6 = 1.0 - distinct
    v7 = where(v5, v6, v1)
    v8 = quotient(v1, v0)
    v9 = quotient(v4, v0)
    v10 = -v9
    v11 = v4 - parameter2
    v12 = quotient(v11, parameter3)
    v13 = v7 - parameter1
    v14 = quotient(v13, parameter3)
    v15 = v12 > 1.0
    v16 = relu(v12)
    v17 = where(v15, 1.0, v16)
    v18 = parameter3 == 1.0
    v19 = v12 > 0.0
    v20 = v14 > 0.0
    v21 = v19 & v20
    v22 = inverse(parameter3)
    v23 = where(v21, v22, 0.0)
    v24 = where(v18, 1.0, v23)
    v25 = v14 > 1.0
    v26 = relu(v14)
    v27 = where(v25, 1.0, v26)
    v28 = parameter0 == 1.0
    v29 = where(v28, 1.0, 0.0)
    v30 = v27 == 0.0
    v31 = v27 == 0.0
    v32 = where(v31, 1.0, v27)
    v33 = parameter0 - 1.0
    v34 = power(v32, v33)
    v35 = where(v30, v29, v34)
    v36 = v27 > 0.5
    v37 = 0.0 * v17
    v38 = where(v36, v17, v37)
    v39 = -v38
    v40 = log1p(v39)
    v41 = parameter0 * v40
    v42 = expm1(v41)
    v43 = -v42
    v44 = v27 * v35
    v45 = 1.0 - v44
    v46 = where(v36, v43, v45)
    v47 = parameter0 == 1.0
    v48 = where(v47, v17, v46)
    v49 = parameter0 * v35
    v50 = v24 * v49
    v51 = v8 * v50
    v52 = v10 * v50
    v53 = 1.0 - v48
    return v48, v53, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, v51, v52, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0


@triton.jit
def modified_generalized_iou(
    symmetric_difference,
    intersection,
    distinct,
    enclosure_excess,
    distance,
    diagonal,
    aspect_angle,
    inner_difference,
    inner_intersection,
    unit,
    exchanged,
    start0,
    end0,
    side0,
    target_side0,
    shift0,
    growth0,
    span0,
    start1,
    end1,
    side1,
    target_side1,
    shift1,
    growth1,
    span1,
    parameter0,
    parameter1,
    parameter2,
    parameter3,
    parameter4,
    parameter5,
    parameter6,
):
    v0 = symmetric_difference + intersection
    v1 = v0 + enclosure_excess
    v2 = inverse(v1)
    v3 = v1 == 0.0
    v4 = enclosure_excess * v2
    v5 = where(v3, distinct, v4)
    v6 = -v5
    v7 = v6 * v2
    v8 = v0 * v2
    v9 = v8 * v2
    v10 = inner_difference + inner_intersection
    v11 = quotient(inner_intersection, v10)
    v12 = v10 == 0.0
    v13 = quotient(inner_difference, v10)
    v14 = where(v12, distinct, v13)
    v15 = v10 == 0.0
    v16 = 1.0 - distinct
    v17 = where(v15, v16, v11)
    v18 = quotient(v11, v10)
    v19 = quotient(v14, v10)
    v20 = -v19
    v21 = v14 - parameter2
    v22 = quotient(v21, parameter3)
    v23 = v17 - parameter1
    v24 = quotient(v23, parameter3)
    v25 = v22 > 1.0
    v26 = relu(v22)
    v27 = where(v25, 1.0, v26)
    v28 = parameter3 == 1.0
    v29 = v22 > 0.0
    v30 = v24 > 0.0
    v31 = v29 & v30
    v32 = inverse(parameter3)
    v33 = where(v31, v32, 0.0)
    v34 = where(v28, 1.0, v33)
    v35 = v24 > 1.0
    v36 = relu(v24)
    v37 = where(v35, 1.0, v36)
    v38 = parameter0 == 1.0
    v39 = where(v38, 1.0, 0.0)
    v40 = v37 == 0.0
    v41 = v37 == 0.0
    v42 = where(v41, 1.0, v37)
    v43 = parameter0 - 1.0
    v44 = power(v42, v43)
    v45 = where(v40, v39, v44)
    v46 = v37 > 0.5
    v47 = 0.0 * v27
    v48 = where(v46, v27, v47)
    v49 = -v48
    v50 = log1p(v49)
    v51 = parameter0 * v50
    v52 = expm1(v51)
    v53 = -v52
    v54 = v37 * v45
    v55 = 1.0 - v54
    v56 = where(v46, v53, v55)
    v57 = parameter0 == 1.0
    v58 = where(v57, v27, v56)
    v59 = parameter0 * v45
    v60 = v34 * v59
    v61 = v18 * v60
    v62 = v20 * v60
    v63 = parameter0 == 1.0
    v64 = where(v63, 1.0, 0.0)
    v65 = v5 == 0.0
    v66 = v5 == 0.0
    v67 = where(v66, 1.0, v5)
    v68 = parameter0 - 1.0
    v69 = power(v67, v68)
    v70 = where(v65, v64, v69)
    v71 = v5 * v70
    v72 = v58 + v71
    v73 = parameter0 * v70
    v74 = v7 * v73
    v75 = v7 * v73
    v76 = v9 * v73
    v77 = 1.0 - v72
    return v72, v77, v74, v75, v76, 0.0, 0.0, 0.0, v61, v62, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0


@triton.jit
def modified_distance_iou(
    symmetric_difference,
    intersection,
    distinct,
    enclosure_excess,
    distance,
    diagonal,
    aspect_angle,
    inner_difference,
    inner_intersection,
    unit,
    exchanged,
    start0,
    end0,
    side0,
    target_side0,
    shift0,
    growth0,
    span0,
    start1,
    end1,
    side1,
    target_side1,
    shift1,
    growth1,
    span1,
    parameter0,
    parameter1,
    parameter2,
    parameter3,
    parameter4,
    parameter5,
    parameter6,
):
    v0 = quotient(distance, diagonal)
    v1 = inverse(diagonal)
    v2 = quotient(v0, diagonal)
    v3 = -v2
    v4 = inner_difference + inner_intersection
    v5 = quotient(inner_intersection, v4)
    v6 = v4 == 0.0
    v7 = quotient(inner_difference, v4)
    v8 = where(v6, distinct, v7)
    v9 = v4 == 0.0
    v10 = 1.0 - distinct
    v11 = where(v9, v10, v5)
    v12 = quotient(v5, v4)
    v13 = quotient(v8, v4)
    v14 = -v13
    v15 = v8 - parameter2
    v16 = quotient(v15, parameter3)
    v17 = v11 - parameter1
    v18 = quotient(v17, parameter3)
    v19 = v16 > 1.0
    v20 = relu(v16)
    v21 = where(v19, 1.0, v20)
    v22 = parameter3 == 1.0
    v23 = v16 > 0.0
    v24 = v18 > 0.0
    v25 = v23 & v24
    v26 = inverse(parameter3)
    v27 = where(v25, v26, 0.0)
    v28 = where(v22, 1.0, v27)
    v29 = v18 > 1.0
    v30 = relu(v18)
    v31 = where(v29, 1.0, v30)
    v32 = parameter0 == 1.0
    v33 = where(v32, 1.0, 0.0)
    v34 = v31 == 0.0
    v35 = v31 == 0.0
    v36 = where(v35, 1.0, v31)
    v37 = parameter0 - 1.0
    v38 = power(v36, v37)
    v39 = where(v34, v33, v38)
    v40 = v31 > 0.5
    v41 = 0.0 * v21
    v42 = where(v40, v21, v41)
    v43 = -v42
    v44 = log1p(v43)
    v45 = parameter0 * v44
    v46 = expm1(v45)
    v47 = -v46
    v48 = v31 * v39
    v49 = 1.0 - v48
    v50 = where(v40, v47, v49)
    v51 = parameter0 == 1.0
    v52 = where(v51, v21, v50)
    v53 = parameter0 * v39
    v54 = v28 * v53
    v55 = v12 * v54
    v56 = v14 * v54
    v57 = parameter0 == 1.0
    v58 = where(v57, 1.0, 0.0)
    v59 = v0 == 0.0
    v60 = v0 == 0.0
    v61 = where(v60, 1.0, v0)
    v62 = parameter0 - 1.0
    v63 = power(v61, v62)
    v64 = where(v59, v58, v63)
    v65 = v0 * v64
    v66 = v52 + v65
    v67 = parameter0 * v64
    v68 = v1 * v67
    v69 = v3 * v67
    v70 = 1.0 - v66
    return v66, v70, 0.0, 0.0, 0.0, v68, v69, 0.0, v55, v56, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0


@triton.jit
def modified_complete_iou(
    symmetric_difference,
    intersection,
    distinct,
    enclosure_excess,
    distance,
    diagonal,
    aspect_angle,
    inner_difference,
    inner_intersection,
    unit,
    exchanged,
    start0,
    end0,
    side0,
    target_side0,
    shift0,
    growth0,
    span0,
    start1,
    end1,
    side1,
    target_side1,
    shift1,
    growth1,
    span1,
    parameter0,
    parameter1,
    parameter2,
    parameter3,
    parameter4,
    parameter5,
    parameter6,
):
    v0 = quotient(distance, diagonal)
    v1 = inverse(diagonal)
    v2 = quotient(v0, diagonal)
    v3 = -v2
    v4 = symmetric_difference + intersection
    v6 = v4 == 0.0
    v7 = quotient(symmetric_difference, v4)
    v8 = where(v6, distinct, v7)
    v15 = 0.4052847345693511 * aspect_angle
    v16 = v15 * aspect_angle
    v17 = v8 + v16
    v18 = quotient(v16, v17)
    v19 = constant(v18)
    v20 = v19 * v16
    v21 = 0.8105694691387022 * v19
    v22 = v21 * aspect_angle
    v23 = inner_difference + inner_intersection
    v24 = quotient(inner_intersection, v23)
    v25 = v23 == 0.0
    v26 = quotient(inner_difference, v23)
    v27 = where(v25, distinct, v26)
    v28 = v23 == 0.0
    v29 = 1.0 - distinct
    v30 = where(v28, v29, v24)
    v31 = quotient(v24, v23)
    v32 = quotient(v27, v23)
    v33 = -v32
    v34 = v27 - parameter2
    v35 = quotient(v34, parameter3)
    v36 = v30 - parameter1
    v37 = quotient(v36, parameter3)
    v38 = v35 > 1.0
    v39 = relu(v35)
    v40 = where(v38, 1.0, v39)
    v41 = parameter3 == 1.0
    v42 = v35 > 0.0
    v43 = v37 > 0.0
    v44 = v42 & v43
    v45 = inverse(parameter3)
    v46 = where(v44, v45, 0.0)
    v47 = where(v41, 1.0, v46)
    v48 = v37 > 1.0
    v49 = relu(v37)
    v50 = where(v48, 1.0, v49)
    v51 = parameter0 == 1.0
    v52 = where(v51, 1.0, 0.0)
    v53 = v50 == 0.0
    v54 = v50 == 0.0
    v55 = where(v54, 1.0, v50)
    v56 = parameter0 - 1.0
    v57 = power(v55, v56)
    v58 = where(v53, v52, v57)
    v59 = v50 > 0.5
    v60 = 0.0 * v40
    v61 = where(v59, v40, v60)
    v62 = -v61
    v63 = log1p(v62)
    v64 = parameter0 * v63
    v65 = expm1(v64)
    v66 = -v65
    v67 = v50 * v58
    v68 = 1.0 - v67
    v69 = where(v59, v66, v68)
    v70 = parameter0 == 1.0
    v71 = where(v70, v40, v69)
    v72 = parameter0 * v58
    v73 = v47 * v72
    v74 = v31 * v73
    v75 = v33 * v73
    v76 = parameter0 == 1.0
    v77 = where(v76, 1.0, 0.0)
    v78 = v0 == 0.0
    v79 = v0 == 0.0
    v80 = where(v79, 1.0, v0)
    v81 = parameter0 - 1.0
    v82 = power(v80, v81)
    v83 = where(v78, v77, v82)
    v84 = v0 * v83
    v85 = v71 + v84
    v86 = parameter0 * v83
    v87 = v1 * v86
    v88 = v3 * v86
    v89 = parameter0 == 1.0
    v90 = where(v89, 1.0, 0.0)
    v91 = v20 == 0.0
    v92 = v20 == 0.0
    v93 = where(v92, 1.0, v20)
    v94 = parameter0 - 1.0
    v95 = power(v93, v94)
    v96 = where(v91, v90, v95)
    v97 = v20 * v96
    v98 = v85 + v97
    v99 = parameter0 * v96
    v100 = v22 * v99
    v101 = 1.0 - v98
    return v98, v101, 0.0, 0.0, 0.0, v87, v88, v100, v74, v75, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0


@triton.jit
def modified_wise_iou(
    symmetric_difference,
    intersection,
    distinct,
    enclosure_excess,
    distance,
    diagonal,
    aspect_angle,
    inner_difference,
    inner_intersection,
    unit,
    exchanged,
    start0,
    end0,
    side0,
    target_side0,
    shift0,
    growth0,
    span0,
    start1,
    end1,
    side1,
    target_side1,
    shift1,
    growth1,
    span1,
    parameter0,
    parameter1,
    parameter2,
    parameter3,
    parameter4,
    parameter5,
    parameter6,
):
    v0 = inner_difference + inner_intersection
    v1 = quotient(inner_intersection, v0)
    v2 = v0 == 0.0
    v3 = quotient(inner_difference, v0)
    v4 = where(v2, distinct, v3)
    v5 = v0 == 0.0
    v6 = 1.0 - distinct
    v7 = where(v5, v6, v1)
    v8 = quotient(v1, v0)
    v9 = quotient(v4, v0)
    v10 = -v9
    v11 = v4 - parameter2
    v12 = quotient(v11, parameter3)
    v13 = v7 - parameter1
    v14 = quotient(v13, parameter3)
    v15 = v12 > 1.0
    v16 = relu(v12)
    v17 = where(v15, 1.0, v16)
    v18 = parameter3 == 1.0
    v19 = v12 > 0.0
    v20 = v14 > 0.0
    v21 = v19 & v20
    v22 = inverse(parameter3)
    v23 = where(v21, v22, 0.0)
    v24 = where(v18, 1.0, v23)
    v25 = v14 > 1.0
    v26 = relu(v14)
    v27 = where(v25, 1.0, v26)
    v28 = parameter0 == 1.0
    v29 = where(v28, 1.0, 0.0)
    v30 = v27 == 0.0
    v31 = v27 == 0.0
    v32 = where(v31, 1.0, v27)
    v33 = parameter0 - 1.0
    v34 = power(v32, v33)
    v35 = where(v30, v29, v34)
    v36 = v27 > 0.5
    v37 = 0.0 * v17
    v38 = where(v36, v17, v37)
    v39 = -v38
    v40 = log1p(v39)
    v41 = parameter0 * v40
    v42 = expm1(v41)
    v43 = -v42
    v44 = v27 * v35
    v45 = 1.0 - v44
    v46 = where(v36, v43, v45)
    v47 = parameter0 == 1.0
    v48 = where(v47, v17, v46)
    v49 = parameter0 * v35
    v50 = v24 * v49
    v51 = v8 * v50
    v52 = v10 * v50
    v54 = constant(diagonal)
    v55 = quotient(distance, v54)
    v56 = exp(v55)
    v57 = v48 * v56
    v58 = 1.0 - v57
    v59 = v51 * v56
    v60 = v52 * v56
    v61 = inverse(v54)
    v62 = v57 * v61
    return v57, v58, 0.0, 0.0, 0.0, v62, 0.0, 0.0, v59, v60, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0


@triton.jit
def modified_efficient_iou(
    symmetric_difference,
    intersection,
    distinct,
    enclosure_excess,
    distance,
    diagonal,
    aspect_angle,
    inner_difference,
    inner_intersection,
    unit,
    exchanged,
    start0,
    end0,
    side0,
    target_side0,
    shift0,
    growth0,
    span0,
    start1,
    end1,
    side1,
    target_side1,
    shift1,
    growth1,
    span1,
    parameter0,
    parameter1,
    parameter2,
    parameter3,
    parameter4,
    parameter5,
    parameter6,
):
    v0 = quotient(distance, diagonal)
    v1 = inverse(diagonal)
    v2 = quotient(v0, diagonal)
    v3 = -v2
    v4 = quotient(growth0, span0)
    v5 = quotient(v4, span0)
    v6 = 2.0 * v5
    v7 = v4 * v4
    v8 = 0.0 + v7
    v9 = -v4
    v10 = v9 * v6
    v11 = quotient(growth1, span1)
    v12 = quotient(v11, span1)
    v13 = 2.0 * v12
    v14 = v11 * v11
    v15 = v8 + v14
    v16 = -v11
    v17 = v16 * v13
    v18 = inner_difference + inner_intersection
    v19 = quotient(inner_intersection, v18)
    v20 = v18 == 0.0
    v21 = quotient(inner_difference, v18)
    v22 = where(v20, distinct, v21)
    v23 = v18 == 0.0
    v24 = 1.0 - distinct
    v25 = where(v23, v24, v19)
    v26 = quotient(v19, v18)
    v27 = quotient(v22, v18)
    v28 = -v27
    v29 = v22 - parameter2
    v30 = quotient(v29, parameter3)
    v31 = v25 - parameter1
    v32 = quotient(v31, parameter3)
    v33 = v30 > 1.0
    v34 = relu(v30)
    v35 = where(v33, 1.0, v34)
    v36 = parameter3 == 1.0
    v37 = v30 > 0.0
    v38 = v32 > 0.0
    v39 = v37 & v38
    v40 = inverse(parameter3)
    v41 = where(v39, v40, 0.0)
    v42 = where(v36, 1.0, v41)
    v43 = v32 > 1.0
    v44 = relu(v32)
    v45 = where(v43, 1.0, v44)
    v46 = parameter0 == 1.0
    v47 = where(v46, 1.0, 0.0)
    v48 = v45 == 0.0
    v49 = v45 == 0.0
    v50 = where(v49, 1.0, v45)
    v51 = parameter0 - 1.0
    v52 = power(v50, v51)
    v53 = where(v48, v47, v52)
    v54 = v45 > 0.5
    v55 = 0.0 * v35
    v56 = where(v54, v35, v55)
    v57 = -v56
    v58 = log1p(v57)
    v59 = parameter0 * v58
    v60 = expm1(v59)
    v61 = -v60
    v62 = v45 * v53
    v63 = 1.0 - v62
    v64 = where(v54, v61, v63)
    v65 = parameter0 == 1.0
    v66 = where(v65, v35, v64)
    v67 = parameter0 * v53
    v68 = v42 * v67
    v69 = v26 * v68
    v70 = v28 * v68
    v71 = parameter0 == 1.0
    v72 = where(v71, 1.0, 0.0)
    v73 = v0 == 0.0
    v74 = v0 == 0.0
    v75 = where(v74, 1.0, v0)
    v76 = parameter0 - 1.0
    v77 = power(v75, v76)
    v78 = where(v73, v72, v77)
    v79 = v0 * v78
    v80 = v66 + v79
    v81 = parameter0 * v78
    v82 = v1 * v81
    v83 = v3 * v81
    v84 = parameter0 == 1.0
    v85 = where(v84, 1.0, 0.0)
    v86 = v15 == 0.0
    v87 = v15 == 0.0
    v88 = where(v87, 1.0, v15)
    v89 = parameter0 - 1.0
    v90 = power(v88, v89)
    v91 = where(v86, v85, v90)
    v92 = v15 * v91
    v93 = v80 + v92
    v94 = parameter0 * v91
    v95 = v6 * v94
    v96 = v10 * v94
    v97 = v13 * v94
    v98 = v17 * v94
    v99 = 1.0 - v93
    return v93, v99, 0.0, 0.0, 0.0, v82, v83, 0.0, v69, v70, 0.0, v95, v96, 0.0, v97, v98


@triton.jit
def modified_scylla_iou(
    symmetric_difference,
    intersection,
    distinct,
    enclosure_excess,
    distance,
    diagonal,
    aspect_angle,
    inner_difference,
    inner_intersection,
    unit,
    exchanged,
    start0,
    end0,
    side0,
    target_side0,
    shift0,
    growth0,
    span0,
    start1,
    end1,
    side1,
    target_side1,
    shift1,
    growth1,
    span1,
    parameter0,
    parameter1,
    parameter2,
    parameter3,
    parameter4,
    parameter5,
    parameter6,
):
    v0 = absolute(shift0)
    v1 = absolute(shift1)
    v2 = maximum(v0, v1)
    v3 = quotient(v0, v2)
    v4 = quotient(v1, v2)
    v5 = v3 * v3
    v6 = v4 * v4
    v7 = v5 + v6
    v8 = 2.0 * v3
    v9 = v8 * v4
    v10 = quotient(v9, v7)
    v11 = 2.0 - v10
    v12 = quotient(v0, span0)
    v13 = quotient(v1, span1)
    v14 = -v11
    v15 = v14 * v12
    v16 = v15 * v12
    v17 = exp(v16)
    v18 = -v11
    v19 = v18 * v13
    v20 = v19 * v13
    v21 = exp(v20)
    v22 = -v11
    v23 = v22 * v12
    v24 = v23 * v12
    v25 = expm1(v24)
    v26 = 0.5 * v25
    v27 = 0.0 - v26
    v28 = -v11
    v29 = v28 * v13
    v30 = v29 * v13
    v31 = expm1(v30)
    v32 = 0.5 * v31
    v33 = v27 - v32
    v34 = v1 - v0
    v35 = quotient(v34, v2)
    v36 = v3 + v4
    v37 = v35 * v36
    v38 = v4 * v37
    v39 = v7 * v7
    v40 = quotient(v38, v39)
    v41 = 2.0 * v40
    v42 = v3 * v37
    v43 = v7 * v7
    v44 = quotient(v42, v43)
    v45 = -2.0 * v44
    v46 = v17 * v12
    v47 = quotient(v46, span0)
    v48 = v21 * v13
    v49 = quotient(v48, span1)
    v50 = v47 * v3
    v51 = v49 * v4
    v52 = v50 + v51
    v53 = sign(shift0)
    v54 = v11 * v47
    v55 = 0.5 * v52
    v56 = v55 * v41
    v57 = v54 - v56
    v58 = v53 * v57
    v59 = -v11
    v60 = v59 * v12
    v61 = v60 * v47
    v62 = sign(shift1)
    v63 = v11 * v49
    v64 = 0.5 * v52
    v65 = v64 * v45
    v66 = v63 - v65
    v67 = v62 * v66
    v68 = -v11
    v69 = v68 * v13
    v70 = v69 * v49
    v71 = maximum(side0, target_side0)
    v72 = growth0 > 0.0
    v73 = v71 > 0.0
    v74 = absolute(growth0)
    v75 = quotient(v74, v71)
    v76 = 1.0 * v75
    v77 = where(v73, v76, 0.0)
    v78 = -v77
    v79 = expm1(v78)
    v80 = -v79
    v81 = v80 * v80
    v82 = 0.5 * parameter5
    v83 = power(v81, v82)
    v84 = quotient(target_side0, v71)
    v85 = sign(growth0)
    v86 = where(v72, v84, v85)
    v87 = quotient(v86, v71)
    v88 = 1.0 * v87
    v89 = where(v73, v88, 0.0)
    v90 = 0.5 * v83
    v91 = 0.0 + v90
    v92 = 0.5 * parameter5
    v93 = quotient(v83, v80)
    v94 = v92 * v93
    v95 = -v77
    v96 = exp(v95)
    v97 = v94 * v96
    v98 = v97 * v89
    v99 = maximum(side1, target_side1)
    v100 = growth1 > 0.0
    v101 = v99 > 0.0
    v102 = absolute(growth1)
    v103 = quotient(v102, v99)
    v104 = 1.0 * v103
    v105 = where(v101, v104, 0.0)
    v106 = -v105
    v107 = expm1(v106)
    v108 = -v107
    v109 = v108 * v108
    v110 = 0.5 * parameter5
    v111 = power(v109, v110)
    v112 = quotient(target_side1, v99)
    v113 = sign(growth1)
    v114 = where(v100, v112, v113)
    v115 = quotient(v114, v99)
    v116 = 1.0 * v115
    v117 = where(v101, v116, 0.0)
    v118 = 0.5 * v111
    v119 = v91 + v118
    v120 = 0.5 * parameter5
    v121 = quotient(v111, v108)
    v122 = v120 * v121
    v123 = -v105
    v124 = exp(v123)
    v125 = v122 * v124
    v126 = v125 * v117
    v127 = v33 + v119
    v128 = inner_difference + inner_intersection
    v129 = quotient(inner_intersection, v128)
    v130 = v128 == 0.0
    v131 = quotient(inner_difference, v128)
    v132 = where(v130, distinct, v131)
    v133 = v128 == 0.0
    v134 = 1.0 - distinct
    v135 = where(v133, v134, v129)
    v136 = quotient(v129, v128)
    v137 = quotient(v132, v128)
    v138 = -v137
    v139 = v132 - parameter2
    v140 = quotient(v139, parameter3)
    v141 = v135 - parameter1
    v142 = quotient(v141, parameter3)
    v143 = v140 > 1.0
    v144 = relu(v140)
    v145 = where(v143, 1.0, v144)
    v146 = parameter3 == 1.0
    v147 = v140 > 0.0
    v148 = v142 > 0.0
    v149 = v147 & v148
    v150 = inverse(parameter3)
    v151 = where(v149, v150, 0.0)
    v152 = where(v146, 1.0, v151)
    v153 = v142 > 1.0
    v154 = relu(v142)
    v155 = where(v153, 1.0, v154)
    v156 = parameter0 == 1.0
    v157 = where(v156, 1.0, 0.0)
    v158 = v155 == 0.0
    v159 = v155 == 0.0
    v160 = where(v159, 1.0, v155)
    v161 = parameter0 - 1.0
    v162 = power(v160, v161)
    v163 = where(v158, v157, v162)
    v164 = v155 > 0.5
    v165 = 0.0 * v145
    v166 = where(v164, v145, v165)
    v167 = -v166
    v168 = log1p(v167)
    v169 = parameter0 * v168
    v170 = expm1(v169)
    v171 = -v170
    v172 = v155 * v163
    v173 = 1.0 - v172
    v174 = where(v164, v171, v173)
    v175 = parameter0 == 1.0
    v176 = where(v175, v145, v174)
    v177 = parameter0 * v163
    v178 = v152 * v177
    v179 = v136 * v178
    v180 = v138 * v178
    v181 = parameter0 == 1.0
    v182 = where(v181, 1.0, 0.0)
    v183 = v127 == 0.0
    v184 = v127 == 0.0
    v185 = where(v184, 1.0, v127)
    v186 = parameter0 - 1.0
    v187 = power(v185, v186)
    v188 = where(v183, v182, v187)
    v189 = v127 * v188
    v190 = v176 + v189
    v191 = parameter0 * v188
    v192 = v58 * v191
    v193 = v98 * v191
    v194 = v61 * v191
    v195 = v67 * v191
    v196 = v126 * v191
    v197 = v70 * v191
    v198 = 1.0 - v190
    return v190, v198, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, v179, v180, v192, v193, v194, v195, v196, v197


@triton.jit
def modified_minimum_points_distance_iou(
    symmetric_difference,
    intersection,
    distinct,
    enclosure_excess,
    distance,
    diagonal,
    aspect_angle,
    inner_difference,
    inner_intersection,
    unit,
    exchanged,
    start0,
    end0,
    side0,
    target_side0,
    shift0,
    growth0,
    span0,
    start1,
    end1,
    side1,
    target_side1,
    shift1,
    growth1,
    span1,
    parameter0,
    parameter1,
    parameter2,
    parameter3,
    parameter4,
    parameter5,
    parameter6,
):
    v0 = parameter5 * unit
    v1 = quotient(start0, v0)
    v2 = quotient(end0, v0)
    v3 = v1 * v1
    v4 = v2 * v2
    v5 = v3 + v4
    v6 = 0.0 + v5
    v7 = quotient(shift0, v0)
    v8 = quotient(v7, v0)
    v9 = 4.0 * v8
    v10 = quotient(growth0, v0)
    v11 = quotient(v10, v0)
    v12 = quotient(start1, v0)
    v13 = quotient(end1, v0)
    v14 = v12 * v12
    v15 = v13 * v13
    v16 = v14 + v15
    v17 = v6 + v16
    v18 = quotient(shift1, v0)
    v19 = quotient(v18, v0)
    v20 = 4.0 * v19
    v21 = quotient(growth1, v0)
    v22 = quotient(v21, v0)
    v23 = inner_difference + inner_intersection
    v24 = quotient(inner_intersection, v23)
    v25 = v23 == 0.0
    v26 = quotient(inner_difference, v23)
    v27 = where(v25, distinct, v26)
    v28 = v23 == 0.0
    v29 = 1.0 - distinct
    v30 = where(v28, v29, v24)
    v31 = quotient(v24, v23)
    v32 = quotient(v27, v23)
    v33 = -v32
    v34 = v27 - parameter2
    v35 = quotient(v34, parameter3)
    v36 = v30 - parameter1
    v37 = quotient(v36, parameter3)
    v38 = v35 > 1.0
    v39 = relu(v35)
    v40 = where(v38, 1.0, v39)
    v41 = parameter3 == 1.0
    v42 = v35 > 0.0
    v43 = v37 > 0.0
    v44 = v42 & v43
    v45 = inverse(parameter3)
    v46 = where(v44, v45, 0.0)
    v47 = where(v41, 1.0, v46)
    v48 = v37 > 1.0
    v49 = relu(v37)
    v50 = where(v48, 1.0, v49)
    v51 = parameter0 == 1.0
    v52 = where(v51, 1.0, 0.0)
    v53 = v50 == 0.0
    v54 = v50 == 0.0
    v55 = where(v54, 1.0, v50)
    v56 = parameter0 - 1.0
    v57 = power(v55, v56)
    v58 = where(v53, v52, v57)
    v59 = v50 > 0.5
    v60 = 0.0 * v40
    v61 = where(v59, v40, v60)
    v62 = -v61
    v63 = log1p(v62)
    v64 = parameter0 * v63
    v65 = expm1(v64)
    v66 = -v65
    v67 = v50 * v58
    v68 = 1.0 - v67
    v69 = where(v59, v66, v68)
    v70 = parameter0 == 1.0
    v71 = where(v70, v40, v69)
    v72 = parameter0 * v58
    v73 = v47 * v72
    v74 = v31 * v73
    v75 = v33 * v73
    v76 = parameter0 == 1.0
    v77 = where(v76, 1.0, 0.0)
    v78 = v17 == 0.0
    v79 = v17 == 0.0
    v80 = where(v79, 1.0, v17)
    v81 = parameter0 - 1.0
    v82 = power(v80, v81)
    v83 = where(v78, v77, v82)
    v84 = v17 * v83
    v85 = v71 + v84
    v86 = parameter0 * v83
    v87 = v9 * v86
    v88 = v11 * v86
    v89 = v20 * v86
    v90 = v22 * v86
    v91 = 1.0 - v85
    return v85, v91, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, v74, v75, v87, v88, 0.0, v89, v90, 0.0


@triton.jit
def modified_shape_iou(
    symmetric_difference,
    intersection,
    distinct,
    enclosure_excess,
    distance,
    diagonal,
    aspect_angle,
    inner_difference,
    inner_intersection,
    unit,
    exchanged,
    start0,
    end0,
    side0,
    target_side0,
    shift0,
    growth0,
    span0,
    start1,
    end1,
    side1,
    target_side1,
    shift1,
    growth1,
    span1,
    parameter0,
    parameter1,
    parameter2,
    parameter3,
    parameter4,
    parameter5,
    parameter6,
):
    v0 = exchanged == 1.0
    v1 = where(v0, side0, target_side0)
    v2 = relu(v1)
    v3 = exchanged == 1.0
    v4 = where(v3, side1, target_side1)
    v5 = relu(v4)
    v6 = maximum(v2, v5)
    v7 = v6 > 0.0
    v8 = quotient(v2, v6)
    v9 = where(v7, v8, 1.0)
    v10 = power(v9, parameter5)
    v11 = v6 > 0.0
    v12 = quotient(v5, v6)
    v13 = where(v11, v12, 1.0)
    v14 = power(v13, parameter5)
    v15 = 2.0 * v10
    v16 = v10 + v14
    v17 = divide(v15, v16)
    v18 = constant(v17)
    v19 = 2.0 * v14
    v20 = v10 + v14
    v21 = divide(v19, v20)
    v22 = constant(v21)
    v23 = inverse(diagonal)
    v24 = v22 * shift0
    v25 = v24 * shift0
    v26 = 0.0 + v25
    v27 = 2.0 * v24
    v28 = v27 * v23
    v29 = v18 * shift1
    v30 = v29 * shift1
    v31 = v26 + v30
    v32 = 2.0 * v29
    v33 = v32 * v23
    v34 = quotient(v31, diagonal)
    v35 = quotient(v34, diagonal)
    v36 = -v35
    v37 = maximum(side0, target_side0)
    v38 = growth0 > 0.0
    v39 = v37 > 0.0
    v40 = absolute(growth0)
    v41 = quotient(v40, v37)
    v42 = v22 * v41
    v43 = where(v39, v42, 0.0)
    v44 = -v43
    v45 = expm1(v44)
    v46 = -v45
    v47 = v46 * v46
    v48 = 0.5 * parameter6
    v49 = power(v47, v48)
    v50 = quotient(target_side0, v37)
    v51 = sign(growth0)
    v52 = where(v38, v50, v51)
    v53 = quotient(v52, v37)
    v54 = v22 * v53
    v55 = where(v39, v54, 0.0)
    v56 = 0.5 * v49
    v57 = 0.0 + v56
    v58 = 0.5 * parameter6
    v59 = quotient(v49, v46)
    v60 = v58 * v59
    v61 = -v43
    v62 = exp(v61)
    v63 = v60 * v62
    v64 = v63 * v55
    v65 = maximum(side1, target_side1)
    v66 = growth1 > 0.0
    v67 = v65 > 0.0
    v68 = absolute(growth1)
    v69 = quotient(v68, v65)
    v70 = v18 * v69
    v71 = where(v67, v70, 0.0)
    v72 = -v71
    v73 = expm1(v72)
    v74 = -v73
    v75 = v74 * v74
    v76 = 0.5 * parameter6
    v77 = power(v75, v76)
    v78 = quotient(target_side1, v65)
    v79 = sign(growth1)
    v80 = where(v66, v78, v79)
    v81 = quotient(v80, v65)
    v82 = v18 * v81
    v83 = where(v67, v82, 0.0)
    v84 = 0.5 * v77
    v85 = v57 + v84
    v86 = 0.5 * parameter6
    v87 = quotient(v77, v74)
    v88 = v86 * v87
    v89 = -v71
    v90 = exp(v89)
    v91 = v88 * v90
    v92 = v91 * v83
    v93 = inner_difference + inner_intersection
    v94 = quotient(inner_intersection, v93)
    v95 = v93 == 0.0
    v96 = quotient(inner_difference, v93)
    v97 = where(v95, distinct, v96)
    v98 = v93 == 0.0
    v99 = 1.0 - distinct
    v100 = where(v98, v99, v94)
    v101 = quotient(v94, v93)
    v102 = quotient(v97, v93)
    v103 = -v102
    v104 = v97 - parameter2
    v105 = quotient(v104, parameter3)
    v106 = v100 - parameter1
    v107 = quotient(v106, parameter3)
    v108 = v105 > 1.0
    v109 = relu(v105)
    v110 = where(v108, 1.0, v109)
    v111 = parameter3 == 1.0
    v112 = v105 > 0.0
    v113 = v107 > 0.0
    v114 = v112 & v113
    v115 = inverse(parameter3)
    v116 = where(v114, v115, 0.0)
    v117 = where(v111, 1.0, v116)
    v118 = v107 > 1.0
    v119 = relu(v107)
    v120 = where(v118, 1.0, v119)
    v121 = parameter0 == 1.0
    v122 = where(v121, 1.0, 0.0)
    v123 = v120 == 0.0
    v124 = v120 == 0.0
    v125 = where(v124, 1.0, v120)
    v126 = parameter0 - 1.0
    v127 = power(v125, v126)
    v128 = where(v123, v122, v127)
    v129 = v120 > 0.5
    v130 = 0.0 * v110
    v131 = where(v129, v110, v130)
    v132 = -v131
    v133 = log1p(v132)
    v134 = parameter0 * v133
    v135 = expm1(v134)
    v136 = -v135
    v137 = v120 * v128
    v138 = 1.0 - v137
    v139 = where(v129, v136, v138)
    v140 = parameter0 == 1.0
    v141 = where(v140, v110, v139)
    v142 = parameter0 * v128
    v143 = v117 * v142
    v144 = v101 * v143
    v145 = v103 * v143
    v146 = parameter0 == 1.0
    v147 = where(v146, 1.0, 0.0)
    v148 = v34 == 0.0
    v149 = v34 == 0.0
    v150 = where(v149, 1.0, v34)
    v151 = parameter0 - 1.0
    v152 = power(v150, v151)
    v153 = where(v148, v147, v152)
    v154 = v34 * v153
    v155 = v141 + v154
    v156 = parameter0 * v153
    v157 = v28 * v156
    v158 = v33 * v156
    v159 = v36 * v156
    v160 = parameter0 == 1.0
    v161 = where(v160, 1.0, 0.0)
    v162 = v85 == 0.0
    v163 = v85 == 0.0
    v164 = where(v163, 1.0, v85)
    v165 = parameter0 - 1.0
    v166 = power(v164, v165)
    v167 = where(v162, v161, v166)
    v168 = v85 * v167
    v169 = v155 + v168
    v170 = parameter0 * v167
    v171 = v64 * v170
    v172 = v92 * v170
    v173 = 1.0 - v169
    return v169, v173, 0.0, 0.0, 0.0, 0.0, v159, 0.0, v144, v145, v157, v171, 0.0, v158, v172, 0.0


@triton.jit
def modified_powerful_iou(
    symmetric_difference,
    intersection,
    distinct,
    enclosure_excess,
    distance,
    diagonal,
    aspect_angle,
    inner_difference,
    inner_intersection,
    unit,
    exchanged,
    start0,
    end0,
    side0,
    target_side0,
    shift0,
    growth0,
    span0,
    start1,
    end1,
    side1,
    target_side1,
    shift1,
    growth1,
    span1,
    parameter0,
    parameter1,
    parameter2,
    parameter3,
    parameter4,
    parameter5,
    parameter6,
):
    v0 = absolute(start0)
    v1 = absolute(end0)
    v2 = v0 + v1
    v3 = exchanged == 1.0
    v4 = where(v3, side0, target_side0)
    v5 = v4 == 0.0
    v6 = v2 == 0.0
    v7 = where(v6, v2, 64.0)
    v8 = quotient(v2, v4)
    v9 = 0.25 * v8
    v10 = where(v5, v7, v9)
    v11 = absolute(v10)
    v12 = v11 > 64.0
    v13 = where(v12, 64.0, v10)
    v14 = 0.0 + v13
    v15 = absolute(start1)
    v16 = absolute(end1)
    v17 = v15 + v16
    v18 = exchanged == 1.0
    v19 = where(v18, side1, target_side1)
    v20 = v19 == 0.0
    v21 = v17 == 0.0
    v22 = where(v21, v17, 64.0)
    v23 = quotient(v17, v19)
    v24 = 0.25 * v23
    v25 = where(v20, v22, v24)
    v26 = absolute(v25)
    v27 = v26 > 64.0
    v28 = where(v27, 64.0, v25)
    v29 = v14 + v28
    v30 = -v29
    v31 = v30 * v29
    v32 = expm1(v31)
    v33 = -v32
    v34 = 2.0 * v29
    v35 = exp(v31)
    v36 = v34 * v35
    v37 = sign(start0)
    v38 = sign(end0)
    v39 = quotient(v36, v4)
    v40 = 0.25 * v39
    v41 = exchanged == 1.0
    v42 = v13 * v39
    v43 = 0.0 * v13
    v44 = where(v41, v42, v43)
    v45 = v37 + v38
    v46 = v45 * v40
    v47 = v38 - v37
    v48 = 0.5 * v47
    v49 = v48 * v40
    v50 = v49 - v44
    v51 = sign(start1)
    v52 = sign(end1)
    v53 = quotient(v36, v19)
    v54 = 0.25 * v53
    v55 = exchanged == 1.0
    v56 = v28 * v53
    v57 = 0.0 * v28
    v58 = where(v55, v56, v57)
    v59 = v51 + v52
    v60 = v59 * v54
    v61 = v52 - v51
    v62 = 0.5 * v61
    v63 = v62 * v54
    v64 = v63 - v58
    v65 = inner_difference + inner_intersection
    v66 = quotient(inner_intersection, v65)
    v67 = v65 == 0.0
    v68 = quotient(inner_difference, v65)
    v69 = where(v67, distinct, v68)
    v70 = v65 == 0.0
    v71 = 1.0 - distinct
    v72 = where(v70, v71, v66)
    v73 = quotient(v66, v65)
    v74 = quotient(v69, v65)
    v75 = -v74
    v76 = v69 - parameter2
    v77 = quotient(v76, parameter3)
    v78 = v72 - parameter1
    v79 = quotient(v78, parameter3)
    v80 = v77 > 1.0
    v81 = relu(v77)
    v82 = where(v80, 1.0, v81)
    v83 = parameter3 == 1.0
    v84 = v77 > 0.0
    v85 = v79 > 0.0
    v86 = v84 & v85
    v87 = inverse(parameter3)
    v88 = where(v86, v87, 0.0)
    v89 = where(v83, 1.0, v88)
    v90 = v79 > 1.0
    v91 = relu(v79)
    v92 = where(v90, 1.0, v91)
    v93 = parameter0 == 1.0
    v94 = where(v93, 1.0, 0.0)
    v95 = v92 == 0.0
    v96 = v92 == 0.0
    v97 = where(v96, 1.0, v92)
    v98 = parameter0 - 1.0
    v99 = power(v97, v98)
    v100 = where(v95, v94, v99)
    v101 = v92 > 0.5
    v102 = 0.0 * v82
    v103 = where(v101, v82, v102)
    v104 = -v103
    v105 = log1p(v104)
    v106 = parameter0 * v105
    v107 = expm1(v106)
    v108 = -v107
    v109 = v92 * v100
    v110 = 1.0 - v109
    v111 = where(v101, v108, v110)
    v112 = parameter0 == 1.0
    v113 = where(v112, v82, v111)
    v114 = parameter0 * v100
    v115 = v89 * v114
    v116 = v73 * v115
    v117 = v75 * v115
    v118 = parameter0 == 1.0
    v119 = where(v118, 1.0, 0.0)
    v120 = v33 == 0.0
    v121 = v33 == 0.0
    v122 = where(v121, 1.0, v33)
    v123 = parameter0 - 1.0
    v124 = power(v122, v123)
    v125 = where(v120, v119, v124)
    v126 = v33 * v125
    v127 = v113 + v126
    v128 = parameter0 * v125
    v129 = v46 * v128
    v130 = v50 * v128
    v131 = v60 * v128
    v132 = v64 * v128
    v133 = 1.0 - v127
    return v127, v133, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, v116, v117, v129, v130, 0.0, v131, v132, 0.0


@triton.jit
def corners(start, end, target_start, target_end):
    v0 = start - target_start
    v1 = end - target_end
    v2 = end - start
    v3 = target_end - target_start
    v4 = end - target_start
    v5 = target_end - start
    v6 = end - target_end
    v7 = start - target_start
    v8 = v6 - v7
    return v0, v1, v2, v3, v4, v5, v8


@triton.jit
def by_corners(d_start, d_end, d_shift, d_side):
    v0 = d_start + d_shift
    v1 = v0 - d_side
    v2 = d_end + d_shift
    v3 = v2 + d_side
    return v1, v3


@triton.jit
def corner_and_size(start, side, target_start, target_side):
    v0_0, v0_1 = difference(start, target_start)
    v1_0, v1_1 = difference(side, target_side)
    v2 = -v1_0
    v3_0, v3_1 = difference(v0_0, v2)
    v4 = -side
    v5_0, v5_1 = difference(v0_0, v4)
    v6_0, v6_1 = difference(target_side, v0_0)
    v7 = v0_1 + v1_1
    v8 = v3_1 + v7
    v9 = v3_0 + v8
    v10 = v5_1 + v0_1
    v11 = v5_0 + v10
    v12 = v6_1 - v0_1
    v13 = v6_0 + v12
    return v0_0, v9, side, target_side, v11, v13, v1_0


@triton.jit
def by_corner_and_size(d_start, d_end, d_shift, d_side):
    v0 = d_start + d_end
    v1 = 2.0 * d_shift
    v2 = v0 + v1
    v3 = d_end + d_shift
    v4 = v3 + d_side
    return v2, v4


@triton.jit
def center_and_size(center, side, target_center, target_side):
    v0_0, v0_1 = difference(center, target_center)
    v1 = 0.5 * side
    v2 = 0.5 * target_side
    v3_0, v3_1 = difference(v1, v2)
    v4 = 0.5 * side
    v5 = -0.5 * target_side
    v6_0, v6_1 = difference(v4, v5)
    v7_0, v7_1 = difference(v0_0, v3_0)
    v8 = -v3_0
    v9_0, v9_1 = difference(v0_0, v8)
    v10 = -v6_0
    v11_0, v11_1 = difference(v0_0, v10)
    v12_0, v12_1 = difference(v6_0, v0_0)
    v13 = v0_1 - v3_1
    v14 = v7_1 + v13
    v15 = v7_0 + v14
    v16 = v0_1 + v3_1
    v17 = v9_1 + v16
    v18 = v9_0 + v17
    v19 = v0_1 + v6_1
    v20 = v11_1 + v19
    v21 = v11_0 + v20
    v22 = v6_1 - v0_1
    v23 = v12_1 + v22
    v24 = v12_0 + v23
    v25 = side - target_side
    return v15, v18, side, target_side, v21, v24, v25


@triton.jit
def by_center_and_size(d_start, d_end, d_shift, d_side):
    v0 = d_start + d_end
    v1 = 2.0 * d_shift
    v2 = v0 + v1
    v3 = d_end - d_start
    v4 = 0.5 * v3
    v5 = v4 + d_side
    return v2, v5


@triton.jit
def distances_from_a_point(before, after, target_before, target_after):
    v0 = target_before - before
    v1 = after - target_after
    v2 = before + after
    v3 = target_before + target_after
    v4 = after + target_before
    v5 = before + target_after
    v6 = after - target_after
    v7 = target_before - before
    v8 = v6 - v7
    return v0, v1, v2, v3, v4, v5, v8


@triton.jit
def by_distances_from_a_point(d_start, d_end, d_shift, d_side):
    v0 = d_side - d_shift
    v1 = v0 - d_start
    v2 = d_end + d_shift
    v3 = v2 + d_side
    return v1, v3


@triton.jit
def axis_aligned_1(
    penalty: tl.constexpr, differences_of: tl.constexpr, derivatives_by: tl.constexpr, pred0, pred1, target0, target1
):
    v0 = absolute(pred0)
    v1 = absolute(pred1)
    v2 = maximum(v0, v1)
    v3 = absolute(target0)
    v4 = maximum(v2, v3)
    v5 = absolute(target1)
    v6 = maximum(v4, v5)
    v7 = scale(v6, 1)
    v8 = pred0 * v7
    v9 = pred1 * v7
    v10 = target0 * v7
    v11 = target1 * v7
    v12 = v8 + v9
    v13 = v12 + v10
    v14 = v13 + v11
    v15 = 0.0 * v14
    v16 = pred0 * v7
    v17 = pred1 * v7
    v18 = target0 * v7
    v19 = target1 * v7
    v20_0, v20_1, v20_2, v20_3, v20_4, v20_5, _v20_6 = differences_of(v16, v17, v18, v19)
    v21 = relu(v20_2)
    v22 = relu(v20_3)
    v23 = minimum(v20_2, v20_3)
    v24 = minimum(v20_4, v20_5)
    v25 = minimum(v23, v24)
    v26 = -v20_0
    v27 = relu(v26)
    v28 = relu(v20_1)
    v29 = v27 + v28
    v30 = minimum(v29, v21)
    v31 = relu(v20_0)
    v32 = -v20_1
    v33 = relu(v32)
    v34 = v31 + v33
    v35 = minimum(v34, v22)
    v36 = -v25
    v37 = relu(v36)
    v38 = absolute(v20_2)
    v39 = absolute(v20_3)
    v40 = maximum(v38, v39)
    v41 = absolute(v20_4)
    v42 = absolute(v20_5)
    v43 = maximum(v41, v42)
    v44 = absolute(v20_0)
    v45 = absolute(v20_1)
    v46 = maximum(v44, v45)
    v47 = maximum(v43, v46)
    v48 = maximum(v40, v47)
    v49 = v25 > 0.0
    v50 = v25 == 0.0
    v51 = v20_2 == 0.0
    v52 = v50 & v51
    v53 = v49 | v52
    v54 = relu(v25)
    v57 = v20_2 >= 0.0
    v58 = v20_3 >= 0.0
    v59 = v57 & v58
    v60 = v20_0 == 0.0
    v61 = v20_1 == 0.0
    v62 = v60 & v61
    v63 = v30 + v35
    v64 = v20_0 + v20_1
    v65 = 0.5 * v64
    v66 = v48 - v63
    v67 = where(v59, v37, v66)
    v68 = v65 * v65
    v69 = 0.0 + v68
    v70 = v48 * v48
    v71 = 0.0 + v70
    v72 = v59 & v62
    v73 = 0.0 * v7
    v74 = where(v72, v73, 1.0)
    v75_0, v75_1, v75_2, v75_3, v75_4, v75_5, v75_6, v75_7 = penalty(v63, v54, v74, v67, v69, v71, 0.0)
    v76 = 2.0 * v75_6
    v77 = v76 * v48
    v78 = where(v53, 1.0, 0.0)
    v79 = where(v53, 0.0, 1.0)
    v80 = v79 - v78
    v81 = v75_2 * v80
    v82 = v75_3 * v78
    v83 = v81 + v82
    v84 = v75_2 * 1.0
    v85 = v75_4 * v79
    v86 = v83 - v85
    v87 = v75_4 * 0.0
    v88 = v84 + v87
    v89 = v88 + v77
    v90 = v86 + v89
    v91 = 0.5 * v90
    v92 = v20_0 > 0.0
    v93 = v20_0 == 0.0
    v94 = where(v93, v91, v89)
    v95 = where(v92, v86, v94)
    v96 = v20_1 < 0.0
    v97 = v20_1 == 0.0
    v98 = where(v97, v91, v89)
    v99 = where(v96, v86, v98)
    v100 = -v95
    v101 = where(v59, v100, 0.0)
    v102 = where(v59, v99, 0.0)
    v103 = v75_5 * v65
    v104 = v75_7 * 0.0
    v105_0, v105_1 = derivatives_by(v101, v102, v103, v104)
    v106 = v105_0 * v7
    v107 = v106 + v15
    v108 = v105_1 * v7
    v109 = v108 + v15
    v110 = v75_0 + v15
    v111 = v75_1 + v15
    return v110, v111, v107, v109


@triton.jit
def axis_aligned_1_with_inner_boxes(
    penalty: tl.constexpr,
    differences_of: tl.constexpr,
    derivatives_by: tl.constexpr,
    pred0,
    pred1,
    target0,
    target1,
    exchanged,
    parameter0,
    parameter1,
    parameter2,
    parameter3,
    parameter4,
    parameter5,
    parameter6,
):
    v0 = absolute(pred0)
    v1 = absolute(pred1)
    v2 = maximum(v0, v1)
    v3 = absolute(target0)
    v4 = maximum(v2, v3)
    v5 = absolute(target1)
    v6 = maximum(v4, v5)
    v7 = scale(v6, 1)
    v8 = pred0 * v7
    v9 = pred1 * v7
    v10 = target0 * v7
    v11 = target1 * v7
    v12 = v8 + v9
    v13 = v12 + v10
    v14 = v13 + v11
    v15 = 0.0 * v14
    v16 = pred0 * v7
    v17 = pred1 * v7
    v18 = target0 * v7
    v19 = target1 * v7
    v20_0, v20_1, v20_2, v20_3, v20_4, v20_5, _v20_6 = differences_of(v16, v17, v18, v19)
    v21 = relu(v20_2)
    v22 = relu(v20_3)
    v23 = minimum(v20_2, v20_3)
    v24 = minimum(v20_4, v20_5)
    v25 = minimum(v23, v24)
    v26 = -v20_0
    v27 = relu(v26)
    v28 = relu(v20_1)
    v29 = v27 + v28
    v30 = minimum(v29, v21)
    v31 = relu(v20_0)
    v32 = -v20_1
    v33 = relu(v32)
    v34 = v31 + v33
    v35 = minimum(v34, v22)
    v36 = -v25
    v37 = relu(v36)
    v38 = absolute(v20_2)
    v39 = absolute(v20_3)
    v40 = maximum(v38, v39)
    v41 = absolute(v20_4)
    v42 = absolute(v20_5)
    v43 = maximum(v41, v42)
    v44 = absolute(v20_0)
    v45 = absolute(v20_1)
    v46 = maximum(v44, v45)
    v47 = maximum(v43, v46)
    v48 = maximum(v40, v47)
    v49 = v25 > 0.0
    v50 = v25 == 0.0
    v51 = v20_2 == 0.0
    v52 = v50 & v51
    v53 = v49 | v52
    v54 = relu(v25)
    v57 = v20_2 >= 0.0
    v58 = v20_3 >= 0.0
    v59 = v57 & v58
    v60 = v20_0 == 0.0
    v61 = v20_1 == 0.0
    v62 = v60 & v61
    v63 = v30 + v35
    v64 = v20_0 + v20_1
    v65 = 0.5 * v64
    v66 = v48 - v63
    v67 = where(v59, v37, v66)
    v68 = v65 * v65
    v69 = 0.0 + v68
    v70 = v48 * v48
    v71 = 0.0 + v70
    v72 = 1.0 + parameter4
    v73 = 0.5 * v72
    v74 = 1.0 - parameter4
    v75 = 0.5 * v74
    v76 = v20_2 + v20_3
    v77 = v75 * v76
    v78 = v73 * v20_0
    v79 = v75 * v20_1
    v80 = v78 + v79
    v81 = v75 * v20_0
    v82 = v73 * v20_1
    v83 = v81 + v82
    v84 = parameter4 * v20_2
    v85 = parameter4 * v20_3
    v86 = v20_4 - v77
    v87 = v20_5 - v77
    v89 = relu(v84)
    v90 = relu(v85)
    v91 = minimum(v84, v85)
    v92 = minimum(v86, v87)
    v93 = minimum(v91, v92)
    v94 = -v80
    v95 = relu(v94)
    v96 = relu(v83)
    v97 = v95 + v96
    v98 = minimum(v97, v89)
    v99 = relu(v80)
    v100 = -v83
    v101 = relu(v100)
    v102 = v99 + v101
    v103 = minimum(v102, v90)
    v117 = v93 > 0.0
    v118 = v93 == 0.0
    v119 = v84 == 0.0
    v120 = v118 & v119
    v121 = v117 | v120
    v122 = relu(v93)
    v125 = v98 + v103
    v126 = v59 & v62
    v127 = 0.0 * v7
    v128 = where(v126, v127, 1.0)
    (
        v129_0,
        v129_1,
        v129_2,
        v129_3,
        v129_4,
        v129_5,
        v129_6,
        v129_7,
        v129_8,
        v129_9,
        _v129_10,
        _v129_11,
        _v129_12,
        _v129_13,
        _v129_14,
        _v129_15,
    ) = penalty(
        v63,
        v54,
        v128,
        v67,
        v69,
        v71,
        0.0,
        v125,
        v122,
        v7,
        exchanged,
        0.0,
        0.0,
        0.0,
        0.0,
        0.0,
        0.0,
        0.0,
        0.0,
        0.0,
        0.0,
        0.0,
        0.0,
        0.0,
        0.0,
        parameter0,
        parameter1,
        parameter2,
        parameter3,
        parameter4,
        parameter5,
        parameter6,
    )
    v130 = 2.0 * v129_6
    v131 = v130 * v48
    v132 = where(v53, 1.0, 0.0)
    v133 = where(v53, 0.0, 1.0)
    v134 = v133 - v132
    v135 = v129_2 * v134
    v136 = v129_3 * v132
    v137 = v135 + v136
    v138 = v129_2 * 1.0
    v139 = v129_4 * v133
    v140 = v137 - v139
    v141 = v129_4 * 0.0
    v142 = v138 + v141
    v143 = v142 + v131
    v144 = v140 + v143
    v145 = 0.5 * v144
    v146 = v20_0 > 0.0
    v147 = v20_0 == 0.0
    v148 = where(v147, v145, v143)
    v149 = where(v146, v140, v148)
    v150 = v20_1 < 0.0
    v151 = v20_1 == 0.0
    v152 = where(v151, v145, v143)
    v153 = where(v150, v140, v152)
    v154 = -v149
    v155 = where(v121, 1.0, 0.0)
    v156 = where(v121, 0.0, 1.0)
    v157 = v156 - v155
    v158 = v129_8 * v157
    v159 = v129_9 * v155
    v160 = v158 + v159
    v161 = v129_8 * 1.0
    v162 = v160 + v161
    v163 = 0.5 * v162
    v164 = v80 > 0.0
    v165 = v80 == 0.0
    v166 = where(v165, v163, v161)
    v167 = where(v164, v160, v166)
    v168 = v83 < 0.0
    v169 = v83 == 0.0
    v170 = where(v169, v163, v161)
    v171 = where(v168, v160, v170)
    v172 = -v167
    v173 = 1.0 + parameter4
    v174 = 0.5 * v173
    v175 = 1.0 - parameter4
    v176 = 0.5 * v175
    v177 = v174 * v172
    v178 = v176 * v171
    v179 = v177 + v178
    v180 = v176 * v172
    v181 = v174 * v171
    v182 = v180 + v181
    v183 = v154 + v179
    v184 = v153 + v182
    v185 = where(v59, v183, 0.0)
    v186 = where(v59, v184, 0.0)
    v187 = v129_5 * v65
    v188 = v129_7 * 0.0
    v189_0, v189_1 = derivatives_by(v185, v186, v187, v188)
    v190 = v189_0 * v7
    v191 = v190 + v15
    v192 = v189_1 * v7
    v193 = v192 + v15
    v194 = v129_0 + v15
    v195 = v129_1 + v15
    return v194, v195, v191, v193


@triton.jit
def axis_aligned_2(
    penalty: tl.constexpr,
    differences_of: tl.constexpr,
    derivatives_by: tl.constexpr,
    pred0,
    pred1,
    pred2,
    pred3,
    target0,
    target1,
    target2,
    target3,
):
    v0 = absolute(pred0)
    v1 = absolute(pred2)
    v2 = maximum(v0, v1)
    v3 = absolute(pred1)
    v4 = maximum(v2, v3)
    v5 = absolute(pred3)
    v6 = maximum(v4, v5)
    v7 = absolute(target0)
    v8 = maximum(v6, v7)
    v9 = absolute(target2)
    v10 = maximum(v8, v9)
    v11 = absolute(target1)
    v12 = maximum(v10, v11)
    v13 = absolute(target3)
    v14 = maximum(v12, v13)
    v15 = scale(v14, 2)
    v16 = pred0 * v15
    v17 = pred2 * v15
    v18 = pred1 * v15
    v19 = pred3 * v15
    v20 = target0 * v15
    v21 = target2 * v15
    v22 = target1 * v15
    v23 = target3 * v15
    v24 = v16 + v17
    v25 = v24 + v18
    v26 = v25 + v19
    v27 = v26 + v20
    v28 = v27 + v21
    v29 = v28 + v22
    v30 = v29 + v23
    v31 = 0.0 * v30
    v32 = pred0 * v15
    v33 = pred2 * v15
    v34 = target0 * v15
    v35 = target2 * v15
    v36_0, v36_1, v36_2, v36_3, v36_4, v36_5, _v36_6 = differences_of(v32, v33, v34, v35)
    v37 = pred1 * v15
    v38 = pred3 * v15
    v39 = target1 * v15
    v40 = target3 * v15
    v41_0, v41_1, v41_2, v41_3, v41_4, v41_5, _v41_6 = differences_of(v37, v38, v39, v40)
    v42 = relu(v36_2)
    v43 = relu(v36_3)
    v44 = minimum(v36_2, v36_3)
    v45 = minimum(v36_4, v36_5)
    v46 = minimum(v44, v45)
    v47 = -v36_0
    v48 = relu(v47)
    v49 = relu(v36_1)
    v50 = v48 + v49
    v51 = minimum(v50, v42)
    v52 = relu(v36_0)
    v53 = -v36_1
    v54 = relu(v53)
    v55 = v52 + v54
    v56 = minimum(v55, v43)
    v57 = -v46
    v58 = relu(v57)
    v59 = absolute(v36_2)
    v60 = absolute(v36_3)
    v61 = maximum(v59, v60)
    v62 = absolute(v36_4)
    v63 = absolute(v36_5)
    v64 = maximum(v62, v63)
    v65 = absolute(v36_0)
    v66 = absolute(v36_1)
    v67 = maximum(v65, v66)
    v68 = maximum(v64, v67)
    v69 = maximum(v61, v68)
    v70 = v46 > 0.0
    v71 = v46 == 0.0
    v72 = v36_2 == 0.0
    v73 = v71 & v72
    v74 = v70 | v73
    v75 = relu(v46)
    v76 = v56 + v58
    v77 = v51 + v58
    v78 = relu(v41_2)
    v79 = relu(v41_3)
    v80 = minimum(v41_2, v41_3)
    v81 = minimum(v41_4, v41_5)
    v82 = minimum(v80, v81)
    v83 = -v41_0
    v84 = relu(v83)
    v85 = relu(v41_1)
    v86 = v84 + v85
    v87 = minimum(v86, v78)
    v88 = relu(v41_0)
    v89 = -v41_1
    v90 = relu(v89)
    v91 = v88 + v90
    v92 = minimum(v91, v79)
    v93 = -v82
    v94 = relu(v93)
    v95 = absolute(v41_2)
    v96 = absolute(v41_3)
    v97 = maximum(v95, v96)
    v98 = absolute(v41_4)
    v99 = absolute(v41_5)
    v100 = maximum(v98, v99)
    v101 = absolute(v41_0)
    v102 = absolute(v41_1)
    v103 = maximum(v101, v102)
    v104 = maximum(v100, v103)
    v105 = maximum(v97, v104)
    v106 = v82 > 0.0
    v107 = v82 == 0.0
    v108 = v41_2 == 0.0
    v109 = v107 & v108
    v110 = v106 | v109
    v111 = relu(v82)
    v112 = v92 + v94
    v114 = v36_2 >= 0.0
    v115 = v36_3 >= 0.0
    v116 = v114 & v115
    v117 = v41_2 >= 0.0
    v118 = v41_3 >= 0.0
    v119 = v117 & v118
    v120 = v116 & v119
    v121 = v36_0 == 0.0
    v122 = v36_1 == 0.0
    v123 = v121 & v122
    v124 = v41_0 == 0.0
    v125 = v41_1 == 0.0
    v126 = v124 & v125
    v127 = v123 & v126
    v130 = v69 * v105
    v131 = v42 * v87
    v132 = v51 * v111
    v133 = v131 + v132
    v134 = v43 * v92
    v135 = v56 * v111
    v136 = v134 + v135
    v137 = v75 * v111
    v138 = v76 * v87
    v139 = v77 * v92
    v140 = v138 + v139
    v141 = v58 * v111
    v142 = v69 * v94
    v143 = v141 + v142
    v144 = v140 + v143
    v151 = v133 + v136
    v152 = v36_0 + v36_1
    v153 = 0.5 * v152
    v154 = v41_0 + v41_1
    v155 = 0.5 * v154
    v156 = v130 - v151
    v157 = where(v120, v144, v156)
    v158 = v153 * v153
    v159 = 0.0 + v158
    v160 = v155 * v155
    v161 = v159 + v160
    v162 = v69 * v69
    v163 = 0.0 + v162
    v164 = v105 * v105
    v165 = v163 + v164
    v166 = v120 & v127
    v167 = 0.0 * v15
    v168 = where(v166, v167, 1.0)
    v169_0, v169_1, v169_2, v169_3, v169_4, v169_5, v169_6, v169_7 = penalty(v151, v137, v168, v157, v161, v165, 0.0)
    v170 = 2.0 * v169_6
    v171 = v170 * v69
    v172 = where(v74, v111, 0.0)
    v173 = where(v74, v87, v78)
    v174 = v173 - v172
    v175 = v169_2 * v174
    v176 = v169_3 * v172
    v177 = v175 + v176
    v178 = v169_2 * v78
    v179 = v169_4 * v173
    v180 = v177 - v179
    v181 = v169_4 * v112
    v182 = v178 + v181
    v183 = v182 + v171
    v184 = v180 + v183
    v185 = 0.5 * v184
    v186 = v36_0 > 0.0
    v187 = v36_0 == 0.0
    v188 = where(v187, v185, v183)
    v189 = where(v186, v180, v188)
    v190 = v36_1 < 0.0
    v191 = v36_1 == 0.0
    v192 = where(v191, v185, v183)
    v193 = where(v190, v180, v192)
    v194 = -v189
    v195 = where(v120, v194, 0.0)
    v196 = where(v120, v193, 0.0)
    v197 = v169_5 * v153
    v198 = v169_7 * 0.0
    v199_0, v199_1 = derivatives_by(v195, v196, v197, v198)
    v200 = v199_0 * v15
    v201 = v200 + v31
    v202 = v199_1 * v15
    v203 = v202 + v31
    v204 = 2.0 * v169_6
    v205 = v204 * v105
    v206 = where(v110, v75, 0.0)
    v207 = where(v110, v51, v42)
    v208 = v207 - v206
    v209 = v169_2 * v208
    v210 = v169_3 * v206
    v211 = v209 + v210
    v212 = v169_2 * v42
    v213 = v169_4 * v207
    v214 = v211 - v213
    v215 = v169_4 * v76
    v216 = v212 + v215
    v217 = v216 + v205
    v218 = v214 + v217
    v219 = 0.5 * v218
    v220 = v41_0 > 0.0
    v221 = v41_0 == 0.0
    v222 = where(v221, v219, v217)
    v223 = where(v220, v214, v222)
    v224 = v41_1 < 0.0
    v225 = v41_1 == 0.0
    v226 = where(v225, v219, v217)
    v227 = where(v224, v214, v226)
    v228 = -v223
    v229 = where(v120, v228, 0.0)
    v230 = where(v120, v227, 0.0)
    v231 = v169_5 * v155
    v232 = v169_7 * 0.0
    v233_0, v233_1 = derivatives_by(v229, v230, v231, v232)
    v234 = v233_0 * v15
    v235 = v234 + v31
    v236 = v233_1 * v15
    v237 = v236 + v31
    v238 = v169_0 + v31
    v239 = v169_1 + v31
    return v238, v239, v201, v235, v203, v237


@triton.jit
def axis_aligned_2_with_angle(
    penalty: tl.constexpr,
    differences_of: tl.constexpr,
    derivatives_by: tl.constexpr,
    pred0,
    pred1,
    pred2,
    pred3,
    target0,
    target1,
    target2,
    target3,
):
    v0 = absolute(pred0)
    v1 = absolute(pred2)
    v2 = maximum(v0, v1)
    v3 = absolute(pred1)
    v4 = maximum(v2, v3)
    v5 = absolute(pred3)
    v6 = maximum(v4, v5)
    v7 = absolute(target0)
    v8 = maximum(v6, v7)
    v9 = absolute(target2)
    v10 = maximum(v8, v9)
    v11 = absolute(target1)
    v12 = maximum(v10, v11)
    v13 = absolute(target3)
    v14 = maximum(v12, v13)
    v15 = scale(v14, 2)
    v16 = pred0 * v15
    v17 = pred2 * v15
    v18 = pred1 * v15
    v19 = pred3 * v15
    v20 = target0 * v15
    v21 = target2 * v15
    v22 = target1 * v15
    v23 = target3 * v15
    v24 = v16 + v17
    v25 = v24 + v18
    v26 = v25 + v19
    v27 = v26 + v20
    v28 = v27 + v21
    v29 = v28 + v22
    v30 = v29 + v23
    v31 = 0.0 * v30
    v32 = pred0 * v15
    v33 = pred2 * v15
    v34 = target0 * v15
    v35 = target2 * v15
    v36_0, v36_1, v36_2, v36_3, v36_4, v36_5, v36_6 = differences_of(v32, v33, v34, v35)
    v37 = pred1 * v15
    v38 = pred3 * v15
    v39 = target1 * v15
    v40 = target3 * v15
    v41_0, v41_1, v41_2, v41_3, v41_4, v41_5, v41_6 = differences_of(v37, v38, v39, v40)
    v42 = relu(v36_2)
    v43 = relu(v36_3)
    v44 = minimum(v36_2, v36_3)
    v45 = minimum(v36_4, v36_5)
    v46 = minimum(v44, v45)
    v47 = -v36_0
    v48 = relu(v47)
    v49 = relu(v36_1)
    v50 = v48 + v49
    v51 = minimum(v50, v42)
    v52 = relu(v36_0)
    v53 = -v36_1
    v54 = relu(v53)
    v55 = v52 + v54
    v56 = minimum(v55, v43)
    v57 = -v46
    v58 = relu(v57)
    v59 = absolute(v36_2)
    v60 = absolute(v36_3)
    v61 = maximum(v59, v60)
    v62 = absolute(v36_4)
    v63 = absolute(v36_5)
    v64 = maximum(v62, v63)
    v65 = absolute(v36_0)
    v66 = absolute(v36_1)
    v67 = maximum(v65, v66)
    v68 = maximum(v64, v67)
    v69 = maximum(v61, v68)
    v70 = v46 > 0.0
    v71 = v46 == 0.0
    v72 = v36_2 == 0.0
    v73 = v71 & v72
    v74 = v70 | v73
    v75 = relu(v46)
    v76 = v56 + v58
    v77 = v51 + v58
    v78 = relu(v41_2)
    v79 = relu(v41_3)
    v80 = minimum(v41_2, v41_3)
    v81 = minimum(v41_4, v41_5)
    v82 = minimum(v80, v81)
    v83 = -v41_0
    v84 = relu(v83)
    v85 = relu(v41_1)
    v86 = v84 + v85
    v87 = minimum(v86, v78)
    v88 = relu(v41_0)
    v89 = -v41_1
    v90 = relu(v89)
    v91 = v88 + v90
    v92 = minimum(v91, v79)
    v93 = -v82
    v94 = relu(v93)
    v95 = absolute(v41_2)
    v96 = absolute(v41_3)
    v97 = maximum(v95, v96)
    v98 = absolute(v41_4)
    v99 = absolute(v41_5)
    v100 = maximum(v98, v99)
    v101 = absolute(v41_0)
    v102 = absolute(v41_1)
    v103 = maximum(v101, v102)
    v104 = maximum(v100, v103)
    v105 = maximum(v97, v104)
    v106 = v82 > 0.0
    v107 = v82 == 0.0
    v108 = v41_2 == 0.0
    v109 = v107 & v108
    v110 = v106 | v109
    v111 = relu(v82)
    v112 = v92 + v94
    v114 = v36_2 >= 0.0
    v115 = v36_3 >= 0.0
    v116 = v114 & v115
    v117 = v41_2 >= 0.0
    v118 = v41_3 >= 0.0
    v119 = v117 & v118
    v120 = v116 & v119
    v121 = v36_0 == 0.0
    v122 = v36_1 == 0.0
    v123 = v121 & v122
    v124 = v41_0 == 0.0
    v125 = v41_1 == 0.0
    v126 = v124 & v125
    v127 = v123 & v126
    v130 = v69 * v105
    v131 = v42 * v87
    v132 = v51 * v111
    v133 = v131 + v132
    v134 = v43 * v92
    v135 = v56 * v111
    v136 = v134 + v135
    v137 = v75 * v111
    v138 = v76 * v87
    v139 = v77 * v92
    v140 = v138 + v139
    v141 = v58 * v111
    v142 = v69 * v94
    v143 = v141 + v142
    v144 = v140 + v143
    v151 = v133 + v136
    v152 = v36_0 + v36_1
    v153 = 0.5 * v152
    v154 = v41_0 + v41_1
    v155 = 0.5 * v154
    v156 = v130 - v151
    v157 = where(v120, v144, v156)
    v158 = v153 * v153
    v159 = 0.0 + v158
    v160 = v155 * v155
    v161 = v159 + v160
    v162 = v69 * v69
    v163 = 0.0 + v162
    v164 = v105 * v105
    v165 = v163 + v164
    v166 = v42 + v78
    v167 = v43 + v79
    v168 = v166 < v167
    v169 = where(v168, v42, v43)
    v170 = v169 * v41_6
    v171 = where(v168, v78, v79)
    v172 = v171 * v36_6
    v173 = v42 * v43
    v174 = v78 * v79
    v175 = v173 + v174
    v176 = v42 + v78
    v177 = v176 > 0.0
    v178 = v120 & v177
    v179 = v43 + v79
    v180 = v179 > 0.0
    v181 = v178 & v180
    v182 = v170 - v172
    v183 = where(v181, v175, 1.0)
    v184 = angle(v182, v183)
    v185 = where(v181, v184, 0.0)
    v186 = v42 * v42
    v187 = v78 * v78
    v188 = v186 + v187
    v189 = inverse(v188)
    v190 = -v78
    v191 = v190 * v189
    v192 = v42 * v189
    v193 = v120 & v127
    v194 = 0.0 * v15
    v195 = where(v193, v194, 1.0)
    v196_0, v196_1, v196_2, v196_3, v196_4, v196_5, v196_6, v196_7 = penalty(v151, v137, v195, v157, v161, v165, v185)
    v197 = 2.0 * v196_6
    v198 = v197 * v69
    v199 = where(v74, v111, 0.0)
    v200 = where(v74, v87, v78)
    v201 = v200 - v199
    v202 = v196_2 * v201
    v203 = v196_3 * v199
    v204 = v202 + v203
    v205 = v196_2 * v78
    v206 = v196_4 * v200
    v207 = v204 - v206
    v208 = v196_4 * v112
    v209 = v205 + v208
    v210 = v209 + v198
    v211 = v207 + v210
    v212 = 0.5 * v211
    v213 = v36_0 > 0.0
    v214 = v36_0 == 0.0
    v215 = where(v214, v212, v210)
    v216 = where(v213, v207, v215)
    v217 = v36_1 < 0.0
    v218 = v36_1 == 0.0
    v219 = where(v218, v212, v210)
    v220 = where(v217, v207, v219)
    v221 = -v216
    v222 = where(v120, v221, 0.0)
    v223 = where(v120, v220, 0.0)
    v224 = v196_5 * v153
    v225 = v196_7 * v191
    v226_0, v226_1 = derivatives_by(v222, v223, v224, v225)
    v227 = v226_0 * v15
    v228 = v227 + v31
    v229 = v226_1 * v15
    v230 = v229 + v31
    v231 = 2.0 * v196_6
    v232 = v231 * v105
    v233 = where(v110, v75, 0.0)
    v234 = where(v110, v51, v42)
    v235 = v234 - v233
    v236 = v196_2 * v235
    v237 = v196_3 * v233
    v238 = v236 + v237
    v239 = v196_2 * v42
    v240 = v196_4 * v234
    v241 = v238 - v240
    v242 = v196_4 * v76
    v243 = v239 + v242
    v244 = v243 + v232
    v245 = v241 + v244
    v246 = 0.5 * v245
    v247 = v41_0 > 0.0
    v248 = v41_0 == 0.0
    v249 = where(v248, v246, v244)
    v250 = where(v247, v241, v249)
    v251 = v41_1 < 0.0
    v252 = v41_1 == 0.0
    v253 = where(v252, v246, v244)
    v254 = where(v251, v241, v253)
    v255 = -v250
    v256 = where(v120, v255, 0.0)
    v257 = where(v120, v254, 0.0)
    v258 = v196_5 * v155
    v259 = v196_7 * v192
    v260_0, v260_1 = derivatives_by(v256, v257, v258, v259)
    v261 = v260_0 * v15
    v262 = v261 + v31
    v263 = v260_1 * v15
    v264 = v263 + v31
    v265 = v196_0 + v31
    v266 = v196_1 + v31
    return v265, v266, v228, v262, v230, v264


@triton.jit
def axis_aligned_2_with_axes(
    penalty: tl.constexpr,
    differences_of: tl.constexpr,
    derivatives_by: tl.constexpr,
    pred0,
    pred1,
    pred2,
    pred3,
    target0,
    target1,
    target2,
    target3,
    exchanged,
    parameter0,
    parameter1,
    parameter2,
    parameter3,
    parameter4,
    parameter5,
    parameter6,
):
    v0 = absolute(pred0)
    v1 = absolute(pred2)
    v2 = maximum(v0, v1)
    v3 = absolute(pred1)
    v4 = maximum(v2, v3)
    v5 = absolute(pred3)
    v6 = maximum(v4, v5)
    v7 = absolute(target0)
    v8 = maximum(v6, v7)
    v9 = absolute(target2)
    v10 = maximum(v8, v9)
    v11 = absolute(target1)
    v12 = maximum(v10, v11)
    v13 = absolute(target3)
    v14 = maximum(v12, v13)
    v15 = scale(v14, 2)
    v16 = pred0 * v15
    v17 = pred2 * v15
    v18 = pred1 * v15
    v19 = pred3 * v15
    v20 = target0 * v15
    v21 = target2 * v15
    v22 = target1 * v15
    v23 = target3 * v15
    v24 = v16 + v17
    v25 = v24 + v18
    v26 = v25 + v19
    v27 = v26 + v20
    v28 = v27 + v21
    v29 = v28 + v22
    v30 = v29 + v23
    v31 = 0.0 * v30
    v32 = pred0 * v15
    v33 = pred2 * v15
    v34 = target0 * v15
    v35 = target2 * v15
    v36_0, v36_1, v36_2, v36_3, v36_4, v36_5, v36_6 = differences_of(v32, v33, v34, v35)
    v37 = pred1 * v15
    v38 = pred3 * v15
    v39 = target1 * v15
    v40 = target3 * v15
    v41_0, v41_1, v41_2, v41_3, v41_4, v41_5, v41_6 = differences_of(v37, v38, v39, v40)
    v42 = relu(v36_2)
    v43 = relu(v36_3)
    v44 = minimum(v36_2, v36_3)
    v45 = minimum(v36_4, v36_5)
    v46 = minimum(v44, v45)
    v47 = -v36_0
    v48 = relu(v47)
    v49 = relu(v36_1)
    v50 = v48 + v49
    v51 = minimum(v50, v42)
    v52 = relu(v36_0)
    v53 = -v36_1
    v54 = relu(v53)
    v55 = v52 + v54
    v56 = minimum(v55, v43)
    v57 = -v46
    v58 = relu(v57)
    v59 = absolute(v36_2)
    v60 = absolute(v36_3)
    v61 = maximum(v59, v60)
    v62 = absolute(v36_4)
    v63 = absolute(v36_5)
    v64 = maximum(v62, v63)
    v65 = absolute(v36_0)
    v66 = absolute(v36_1)
    v67 = maximum(v65, v66)
    v68 = maximum(v64, v67)
    v69 = maximum(v61, v68)
    v70 = v46 > 0.0
    v71 = v46 == 0.0
    v72 = v36_2 == 0.0
    v73 = v71 & v72
    v74 = v70 | v73
    v75 = relu(v46)
    v76 = v56 + v58
    v77 = v51 + v58
    v78 = relu(v41_2)
    v79 = relu(v41_3)
    v80 = minimum(v41_2, v41_3)
    v81 = minimum(v41_4, v41_5)
    v82 = minimum(v80, v81)
    v83 = -v41_0
    v84 = relu(v83)
    v85 = relu(v41_1)
    v86 = v84 + v85
    v87 = minimum(v86, v78)
    v88 = relu(v41_0)
    v89 = -v41_1
    v90 = relu(v89)
    v91 = v88 + v90
    v92 = minimum(v91, v79)
    v93 = -v82
    v94 = relu(v93)
    v95 = absolute(v41_2)
    v96 = absolute(v41_3)
    v97 = maximum(v95, v96)
    v98 = absolute(v41_4)
    v99 = absolute(v41_5)
    v100 = maximum(v98, v99)
    v101 = absolute(v41_0)
    v102 = absolute(v41_1)
    v103 = maximum(v101, v102)
    v104 = maximum(v100, v103)
    v105 = maximum(v97, v104)
    v106 = v82 > 0.0
    v107 = v82 == 0.0
    v108 = v41_2 == 0.0
    v109 = v107 & v108
    v110 = v106 | v109
    v111 = relu(v82)
    v112 = v92 + v94
    v114 = v36_2 >= 0.0
    v115 = v36_3 >= 0.0
    v116 = v114 & v115
    v117 = v41_2 >= 0.0
    v118 = v41_3 >= 0.0
    v119 = v117 & v118
    v120 = v116 & v119
    v121 = v36_0 == 0.0
    v122 = v36_1 == 0.0
    v123 = v121 & v122
    v124 = v41_0 == 0.0
    v125 = v41_1 == 0.0
    v126 = v124 & v125
    v127 = v123 & v126
    v130 = v69 * v105
    v131 = v42 * v87
    v132 = v51 * v111
    v133 = v131 + v132
    v134 = v43 * v92
    v135 = v56 * v111
    v136 = v134 + v135
    v137 = v75 * v111
    v138 = v76 * v87
    v139 = v77 * v92
    v140 = v138 + v139
    v141 = v58 * v111
    v142 = v69 * v94
    v143 = v141 + v142
    v144 = v140 + v143
    v151 = v133 + v136
    v152 = v36_0 + v36_1
    v153 = 0.5 * v152
    v154 = v41_0 + v41_1
    v155 = 0.5 * v154
    v156 = v130 - v151
    v157 = where(v120, v144, v156)
    v158 = v153 * v153
    v159 = 0.0 + v158
    v160 = v155 * v155
    v161 = v159 + v160
    v162 = v69 * v69
    v163 = 0.0 + v162
    v164 = v105 * v105
    v165 = v163 + v164
    v166 = v120 & v127
    v167 = 0.0 * v15
    v168 = where(v166, v167, 1.0)
    (
        v169_0,
        v169_1,
        v169_2,
        v169_3,
        v169_4,
        v169_5,
        v169_6,
        v169_7,
        v169_8,
        v169_9,
        v169_10,
        v169_11,
        v169_12,
        v169_13,
        v169_14,
        v169_15,
    ) = penalty(
        v151,
        v137,
        v168,
        v157,
        v161,
        v165,
        0.0,
        v151,
        v137,
        v15,
        exchanged,
        v36_0,
        v36_1,
        v36_2,
        v36_3,
        v153,
        v36_6,
        v69,
        v41_0,
        v41_1,
        v41_2,
        v41_3,
        v155,
        v41_6,
        v105,
        parameter0,
        parameter1,
        parameter2,
        parameter3,
        parameter4,
        parameter5,
        parameter6,
    )
    v170 = v169_2 + v169_8
    v171 = v169_3 + v169_9
    v172 = 2.0 * v169_6
    v173 = v172 * v69
    v174 = v173 + v169_12
    v175 = where(v74, v111, 0.0)
    v176 = where(v74, v87, v78)
    v177 = v176 - v175
    v178 = v170 * v177
    v179 = v171 * v175
    v180 = v178 + v179
    v181 = v170 * v78
    v182 = v169_4 * v176
    v183 = v180 - v182
    v184 = v169_4 * v112
    v185 = v181 + v184
    v186 = v185 + v174
    v187 = v183 + v186
    v188 = 0.5 * v187
    v189 = v36_0 > 0.0
    v190 = v36_0 == 0.0
    v191 = where(v190, v188, v186)
    v192 = where(v189, v183, v191)
    v193 = v36_1 < 0.0
    v194 = v36_1 == 0.0
    v195 = where(v194, v188, v186)
    v196 = where(v193, v183, v195)
    v197 = -v192
    v198 = where(v120, v197, 0.0)
    v199 = where(v120, v196, 0.0)
    v200 = v169_5 * v153
    v201 = v169_10 * 0.5
    v202 = v200 + v201
    v203 = v169_7 * 0.0
    v204 = v203 + v169_11
    v205_0, v205_1 = derivatives_by(v198, v199, v202, v204)
    v206 = v205_0 * v15
    v207 = v206 + v31
    v208 = v205_1 * v15
    v209 = v208 + v31
    v210 = 2.0 * v169_6
    v211 = v210 * v105
    v212 = v211 + v169_15
    v213 = where(v110, v75, 0.0)
    v214 = where(v110, v51, v42)
    v215 = v214 - v213
    v216 = v170 * v215
    v217 = v171 * v213
    v218 = v216 + v217
    v219 = v170 * v42
    v220 = v169_4 * v214
    v221 = v218 - v220
    v222 = v169_4 * v76
    v223 = v219 + v222
    v224 = v223 + v212
    v225 = v221 + v224
    v226 = 0.5 * v225
    v227 = v41_0 > 0.0
    v228 = v41_0 == 0.0
    v229 = where(v228, v226, v224)
    v230 = where(v227, v221, v229)
    v231 = v41_1 < 0.0
    v232 = v41_1 == 0.0
    v233 = where(v232, v226, v224)
    v234 = where(v231, v221, v233)
    v235 = -v230
    v236 = where(v120, v235, 0.0)
    v237 = where(v120, v234, 0.0)
    v238 = v169_5 * v155
    v239 = v169_13 * 0.5
    v240 = v238 + v239
    v241 = v169_7 * 0.0
    v242 = v241 + v169_14
    v243_0, v243_1 = derivatives_by(v236, v237, v240, v242)
    v244 = v243_0 * v15
    v245 = v244 + v31
    v246 = v243_1 * v15
    v247 = v246 + v31
    v248 = v169_0 + v31
    v249 = v169_1 + v31
    return v248, v249, v207, v245, v209, v247


@triton.jit
def axis_aligned_2_with_inner_boxes(
    penalty: tl.constexpr,
    differences_of: tl.constexpr,
    derivatives_by: tl.constexpr,
    pred0,
    pred1,
    pred2,
    pred3,
    target0,
    target1,
    target2,
    target3,
    exchanged,
    parameter0,
    parameter1,
    parameter2,
    parameter3,
    parameter4,
    parameter5,
    parameter6,
):
    v0 = absolute(pred0)
    v1 = absolute(pred2)
    v2 = maximum(v0, v1)
    v3 = absolute(pred1)
    v4 = maximum(v2, v3)
    v5 = absolute(pred3)
    v6 = maximum(v4, v5)
    v7 = absolute(target0)
    v8 = maximum(v6, v7)
    v9 = absolute(target2)
    v10 = maximum(v8, v9)
    v11 = absolute(target1)
    v12 = maximum(v10, v11)
    v13 = absolute(target3)
    v14 = maximum(v12, v13)
    v15 = scale(v14, 2)
    v16 = pred0 * v15
    v17 = pred2 * v15
    v18 = pred1 * v15
    v19 = pred3 * v15
    v20 = target0 * v15
    v21 = target2 * v15
    v22 = target1 * v15
    v23 = target3 * v15
    v24 = v16 + v17
    v25 = v24 + v18
    v26 = v25 + v19
    v27 = v26 + v20
    v28 = v27 + v21
    v29 = v28 + v22
    v30 = v29 + v23
    v31 = 0.0 * v30
    v32 = pred0 * v15
    v33 = pred2 * v15
    v34 = target0 * v15
    v35 = target2 * v15
    v36_0, v36_1, v36_2, v36_3, v36_4, v36_5, v36_6 = differences_of(v32, v33, v34, v35)
    v37 = pred1 * v15
    v38 = pred3 * v15
    v39 = target1 * v15
    v40 = target3 * v15
    v41_0, v41_1, v41_2, v41_3, v41_4, v41_5, v41_6 = differences_of(v37, v38, v39, v40)
    v42 = relu(v36_2)
    v43 = relu(v36_3)
    v44 = minimum(v36_2, v36_3)
    v45 = minimum(v36_4, v36_5)
    v46 = minimum(v44, v45)
    v47 = -v36_0
    v48 = relu(v47)
    v49 = relu(v36_1)
    v50 = v48 + v49
    v51 = minimum(v50, v42)
    v52 = relu(v36_0)
    v53 = -v36_1
    v54 = relu(v53)
    v55 = v52 + v54
    v56 = minimum(v55, v43)
    v57 = -v46
    v58 = relu(v57)
    v59 = absolute(v36_2)
    v60 = absolute(v36_3)
    v61 = maximum(v59, v60)
    v62 = absolute(v36_4)
    v63 = absolute(v36_5)
    v64 = maximum(v62, v63)
    v65 = absolute(v36_0)
    v66 = absolute(v36_1)
    v67 = maximum(v65, v66)
    v68 = maximum(v64, v67)
    v69 = maximum(v61, v68)
    v70 = v46 > 0.0
    v71 = v46 == 0.0
    v72 = v36_2 == 0.0
    v73 = v71 & v72
    v74 = v70 | v73
    v75 = relu(v46)
    v76 = v56 + v58
    v77 = v51 + v58
    v78 = relu(v41_2)
    v79 = relu(v41_3)
    v80 = minimum(v41_2, v41_3)
    v81 = minimum(v41_4, v41_5)
    v82 = minimum(v80, v81)
    v83 = -v41_0
    v84 = relu(v83)
    v85 = relu(v41_1)
    v86 = v84 + v85
    v87 = minimum(v86, v78)
    v88 = relu(v41_0)
    v89 = -v41_1
    v90 = relu(v89)
    v91 = v88 + v90
    v92 = minimum(v91, v79)
    v93 = -v82
    v94 = relu(v93)
    v95 = absolute(v41_2)
    v96 = absolute(v41_3)
    v97 = maximum(v95, v96)
    v98 = absolute(v41_4)
    v99 = absolute(v41_5)
    v100 = maximum(v98, v99)
    v101 = absolute(v41_0)
    v102 = absolute(v41_1)
    v103 = maximum(v101, v102)
    v104 = maximum(v100, v103)
    v105 = maximum(v97, v104)
    v106 = v82 > 0.0
    v107 = v82 == 0.0
    v108 = v41_2 == 0.0
    v109 = v107 & v108
    v110 = v106 | v109
    v111 = relu(v82)
    v112 = v92 + v94
    v114 = v36_2 >= 0.0
    v115 = v36_3 >= 0.0
    v116 = v114 & v115
    v117 = v41_2 >= 0.0
    v118 = v41_3 >= 0.0
    v119 = v117 & v118
    v120 = v116 & v119
    v121 = v36_0 == 0.0
    v122 = v36_1 == 0.0
    v123 = v121 & v122
    v124 = v41_0 == 0.0
    v125 = v41_1 == 0.0
    v126 = v124 & v125
    v127 = v123 & v126
    v130 = v69 * v105
    v131 = v42 * v87
    v132 = v51 * v111
    v133 = v131 + v132
    v134 = v43 * v92
    v135 = v56 * v111
    v136 = v134 + v135
    v137 = v75 * v111
    v138 = v76 * v87
    v139 = v77 * v92
    v140 = v138 + v139
    v141 = v58 * v111
    v142 = v69 * v94
    v143 = v141 + v142
    v144 = v140 + v143
    v151 = v133 + v136
    v152 = v36_0 + v36_1
    v153 = 0.5 * v152
    v154 = v41_0 + v41_1
    v155 = 0.5 * v154
    v156 = v130 - v151
    v157 = where(v120, v144, v156)
    v158 = v153 * v153
    v159 = 0.0 + v158
    v160 = v155 * v155
    v161 = v159 + v160
    v162 = v69 * v69
    v163 = 0.0 + v162
    v164 = v105 * v105
    v165 = v163 + v164
    v166 = v42 + v78
    v167 = v43 + v79
    v168 = v166 < v167
    v169 = where(v168, v42, v43)
    v170 = v169 * v41_6
    v171 = where(v168, v78, v79)
    v172 = v171 * v36_6
    v173 = v42 * v43
    v174 = v78 * v79
    v175 = v173 + v174
    v176 = v42 + v78
    v177 = v176 > 0.0
    v178 = v120 & v177
    v179 = v43 + v79
    v180 = v179 > 0.0
    v181 = v178 & v180
    v182 = v170 - v172
    v183 = where(v181, v175, 1.0)
    v184 = angle(v182, v183)
    v185 = where(v181, v184, 0.0)
    v186 = v42 * v42
    v187 = v78 * v78
    v188 = v186 + v187
    v189 = inverse(v188)
    v190 = -v78
    v191 = v190 * v189
    v192 = v42 * v189
    v193 = 1.0 + parameter4
    v194 = 0.5 * v193
    v195 = 1.0 - parameter4
    v196 = 0.5 * v195
    v197 = v36_2 + v36_3
    v198 = v196 * v197
    v199 = v194 * v36_0
    v200 = v196 * v36_1
    v201 = v199 + v200
    v202 = v196 * v36_0
    v203 = v194 * v36_1
    v204 = v202 + v203
    v205 = parameter4 * v36_2
    v206 = parameter4 * v36_3
    v207 = v36_4 - v198
    v208 = v36_5 - v198
    v210 = 1.0 + parameter4
    v211 = 0.5 * v210
    v212 = 1.0 - parameter4
    v213 = 0.5 * v212
    v214 = v41_2 + v41_3
    v215 = v213 * v214
    v216 = v211 * v41_0
    v217 = v213 * v41_1
    v218 = v216 + v217
    v219 = v213 * v41_0
    v220 = v211 * v41_1
    v221 = v219 + v220
    v222 = parameter4 * v41_2
    v223 = parameter4 * v41_3
    v224 = v41_4 - v215
    v225 = v41_5 - v215
    v227 = relu(v205)
    v228 = relu(v206)
    v229 = minimum(v205, v206)
    v230 = minimum(v207, v208)
    v231 = minimum(v229, v230)
    v232 = -v201
    v233 = relu(v232)
    v234 = relu(v204)
    v235 = v233 + v234
    v236 = minimum(v235, v227)
    v237 = relu(v201)
    v238 = -v204
    v239 = relu(v238)
    v240 = v237 + v239
    v241 = minimum(v240, v228)
    v255 = v231 > 0.0
    v256 = v231 == 0.0
    v257 = v205 == 0.0
    v258 = v256 & v257
    v259 = v255 | v258
    v260 = relu(v231)
    v263 = relu(v222)
    v264 = relu(v223)
    v265 = minimum(v222, v223)
    v266 = minimum(v224, v225)
    v267 = minimum(v265, v266)
    v268 = -v218
    v269 = relu(v268)
    v270 = relu(v221)
    v271 = v269 + v270
    v272 = minimum(v271, v263)
    v273 = relu(v218)
    v274 = -v221
    v275 = relu(v274)
    v276 = v273 + v275
    v277 = minimum(v276, v264)
    v291 = v267 > 0.0
    v292 = v267 == 0.0
    v293 = v222 == 0.0
    v294 = v292 & v293
    v295 = v291 | v294
    v296 = relu(v267)
    v302 = v227 * v272
    v303 = v236 * v296
    v304 = v302 + v303
    v305 = v228 * v277
    v306 = v241 * v296
    v307 = v305 + v306
    v308 = v260 * v296
    v322 = v304 + v307
    v323 = v120 & v127
    v324 = 0.0 * v15
    v325 = where(v323, v324, 1.0)
    (
        v326_0,
        v326_1,
        v326_2,
        v326_3,
        v326_4,
        v326_5,
        v326_6,
        v326_7,
        v326_8,
        v326_9,
        v326_10,
        v326_11,
        v326_12,
        v326_13,
        v326_14,
        v326_15,
    ) = penalty(
        v151,
        v137,
        v325,
        v157,
        v161,
        v165,
        v185,
        v322,
        v308,
        v15,
        exchanged,
        v36_0,
        v36_1,
        v36_2,
        v36_3,
        v153,
        v36_6,
        v69,
        v41_0,
        v41_1,
        v41_2,
        v41_3,
        v155,
        v41_6,
        v105,
        parameter0,
        parameter1,
        parameter2,
        parameter3,
        parameter4,
        parameter5,
        parameter6,
    )
    v327 = 2.0 * v326_6
    v328 = v327 * v69
    v329 = v328 + v326_12
    v330 = where(v74, v111, 0.0)
    v331 = where(v74, v87, v78)
    v332 = v331 - v330
    v333 = v326_2 * v332
    v334 = v326_3 * v330
    v335 = v333 + v334
    v336 = v326_2 * v78
    v337 = v326_4 * v331
    v338 = v335 - v337
    v339 = v326_4 * v112
    v340 = v336 + v339
    v341 = v340 + v329
    v342 = v338 + v341
    v343 = 0.5 * v342
    v344 = v36_0 > 0.0
    v345 = v36_0 == 0.0
    v346 = where(v345, v343, v341)
    v347 = where(v344, v338, v346)
    v348 = v36_1 < 0.0
    v349 = v36_1 == 0.0
    v350 = where(v349, v343, v341)
    v351 = where(v348, v338, v350)
    v352 = -v347
    v353 = where(v259, v296, 0.0)
    v354 = where(v259, v272, v263)
    v355 = v354 - v353
    v356 = v326_8 * v355
    v357 = v326_9 * v353
    v358 = v356 + v357
    v359 = v326_8 * v263
    v360 = v358 + v359
    v361 = 0.5 * v360
    v362 = v201 > 0.0
    v363 = v201 == 0.0
    v364 = where(v363, v361, v359)
    v365 = where(v362, v358, v364)
    v366 = v204 < 0.0
    v367 = v204 == 0.0
    v368 = where(v367, v361, v359)
    v369 = where(v366, v358, v368)
    v370 = -v365
    v371 = 1.0 + parameter4
    v372 = 0.5 * v371
    v373 = 1.0 - parameter4
    v374 = 0.5 * v373
    v375 = v372 * v370
    v376 = v374 * v369
    v377 = v375 + v376
    v378 = v374 * v370
    v379 = v372 * v369
    v380 = v378 + v379
    v381 = v352 + v377
    v382 = v351 + v380
    v383 = where(v120, v381, 0.0)
    v384 = where(v120, v382, 0.0)
    v385 = v326_5 * v153
    v386 = v326_10 * 0.5
    v387 = v385 + v386
    v388 = v326_7 * v191
    v389 = v388 + v326_11
    v390_0, v390_1 = derivatives_by(v383, v384, v387, v389)
    v391 = v390_0 * v15
    v392 = v391 + v31
    v393 = v390_1 * v15
    v394 = v393 + v31
    v395 = 2.0 * v326_6
    v396 = v395 * v105
    v397 = v396 + v326_15
    v398 = where(v110, v75, 0.0)
    v399 = where(v110, v51, v42)
    v400 = v399 - v398
    v401 = v326_2 * v400
    v402 = v326_3 * v398
    v403 = v401 + v402
    v404 = v326_2 * v42
    v405 = v326_4 * v399
    v406 = v403 - v405
    v407 = v326_4 * v76
    v408 = v404 + v407
    v409 = v408 + v397
    v410 = v406 + v409
    v411 = 0.5 * v410
    v412 = v41_0 > 0.0
    v413 = v41_0 == 0.0
    v414 = where(v413, v411, v409)
    v415 = where(v412, v406, v414)
    v416 = v41_1 < 0.0
    v417 = v41_1 == 0.0
    v418 = where(v417, v411, v409)
    v419 = where(v416, v406, v418)
    v420 = -v415
    v421 = where(v295, v260, 0.0)
    v422 = where(v295, v236, v227)
    v423 = v422 - v421
    v424 = v326_8 * v423
    v425 = v326_9 * v421
    v426 = v424 + v425
    v427 = v326_8 * v227
    v428 = v426 + v427
    v429 = 0.5 * v428
    v430 = v218 > 0.0
    v431 = v218 == 0.0
    v432 = where(v431, v429, v427)
    v433 = where(v430, v426, v432)
    v434 = v221 < 0.0
    v435 = v221 == 0.0
    v436 = where(v435, v429, v427)
    v437 = where(v434, v426, v436)
    v438 = -v433
    v439 = 1.0 + parameter4
    v440 = 0.5 * v439
    v441 = 1.0 - parameter4
    v442 = 0.5 * v441
    v443 = v440 * v438
    v444 = v442 * v437
    v445 = v443 + v444
    v446 = v442 * v438
    v447 = v440 * v437
    v448 = v446 + v447
    v449 = v420 + v445
    v450 = v419 + v448
    v451 = where(v120, v449, 0.0)
    v452 = where(v120, v450, 0.0)
    v453 = v326_5 * v155
    v454 = v326_13 * 0.5
    v455 = v453 + v454
    v456 = v326_7 * v192
    v457 = v456 + v326_14
    v458_0, v458_1 = derivatives_by(v451, v452, v455, v457)
    v459 = v458_0 * v15
    v460 = v459 + v31
    v461 = v458_1 * v15
    v462 = v461 + v31
    v463 = v326_0 + v31
    v464 = v326_1 + v31
    return v463, v464, v392, v460, v394, v462


@triton.jit
def axis_aligned_3(
    penalty: tl.constexpr,
    differences_of: tl.constexpr,
    derivatives_by: tl.constexpr,
    pred0,
    pred1,
    pred2,
    pred3,
    pred4,
    pred5,
    target0,
    target1,
    target2,
    target3,
    target4,
    target5,
):
    v0 = absolute(pred0)
    v1 = absolute(pred3)
    v2 = maximum(v0, v1)
    v3 = absolute(pred1)
    v4 = maximum(v2, v3)
    v5 = absolute(pred4)
    v6 = maximum(v4, v5)
    v7 = absolute(pred2)
    v8 = maximum(v6, v7)
    v9 = absolute(pred5)
    v10 = maximum(v8, v9)
    v11 = absolute(target0)
    v12 = maximum(v10, v11)
    v13 = absolute(target3)
    v14 = maximum(v12, v13)
    v15 = absolute(target1)
    v16 = maximum(v14, v15)
    v17 = absolute(target4)
    v18 = maximum(v16, v17)
    v19 = absolute(target2)
    v20 = maximum(v18, v19)
    v21 = absolute(target5)
    v22 = maximum(v20, v21)
    v23 = scale(v22, 3)
    v24 = pred0 * v23
    v25 = pred3 * v23
    v26 = pred1 * v23
    v27 = pred4 * v23
    v28 = pred2 * v23
    v29 = pred5 * v23
    v30 = target0 * v23
    v31 = target3 * v23
    v32 = target1 * v23
    v33 = target4 * v23
    v34 = target2 * v23
    v35 = target5 * v23
    v36 = v24 + v25
    v37 = v36 + v26
    v38 = v37 + v27
    v39 = v38 + v28
    v40 = v39 + v29
    v41 = v40 + v30
    v42 = v41 + v31
    v43 = v42 + v32
    v44 = v43 + v33
    v45 = v44 + v34
    v46 = v45 + v35
    v47 = 0.0 * v46
    v48 = pred0 * v23
    v49 = pred3 * v23
    v50 = target0 * v23
    v51 = target3 * v23
    v52_0, v52_1, v52_2, v52_3, v52_4, v52_5, _v52_6 = differences_of(v48, v49, v50, v51)
    v53 = pred1 * v23
    v54 = pred4 * v23
    v55 = target1 * v23
    v56 = target4 * v23
    v57_0, v57_1, v57_2, v57_3, v57_4, v57_5, _v57_6 = differences_of(v53, v54, v55, v56)
    v58 = pred2 * v23
    v59 = pred5 * v23
    v60 = target2 * v23
    v61 = target5 * v23
    v62_0, v62_1, v62_2, v62_3, v62_4, v62_5, _v62_6 = differences_of(v58, v59, v60, v61)
    v63 = relu(v52_2)
    v64 = relu(v52_3)
    v65 = minimum(v52_2, v52_3)
    v66 = minimum(v52_4, v52_5)
    v67 = minimum(v65, v66)
    v68 = -v52_0
    v69 = relu(v68)
    v70 = relu(v52_1)
    v71 = v69 + v70
    v72 = minimum(v71, v63)
    v73 = relu(v52_0)
    v74 = -v52_1
    v75 = relu(v74)
    v76 = v73 + v75
    v77 = minimum(v76, v64)
    v78 = -v67
    v79 = relu(v78)
    v80 = absolute(v52_2)
    v81 = absolute(v52_3)
    v82 = maximum(v80, v81)
    v83 = absolute(v52_4)
    v84 = absolute(v52_5)
    v85 = maximum(v83, v84)
    v86 = absolute(v52_0)
    v87 = absolute(v52_1)
    v88 = maximum(v86, v87)
    v89 = maximum(v85, v88)
    v90 = maximum(v82, v89)
    v91 = v67 > 0.0
    v92 = v67 == 0.0
    v93 = v52_2 == 0.0
    v94 = v92 & v93
    v95 = v91 | v94
    v96 = relu(v67)
    v97 = v77 + v79
    v98 = v72 + v79
    v99 = relu(v57_2)
    v100 = relu(v57_3)
    v101 = minimum(v57_2, v57_3)
    v102 = minimum(v57_4, v57_5)
    v103 = minimum(v101, v102)
    v104 = -v57_0
    v105 = relu(v104)
    v106 = relu(v57_1)
    v107 = v105 + v106
    v108 = minimum(v107, v99)
    v109 = relu(v57_0)
    v110 = -v57_1
    v111 = relu(v110)
    v112 = v109 + v111
    v113 = minimum(v112, v100)
    v114 = -v103
    v115 = relu(v114)
    v116 = absolute(v57_2)
    v117 = absolute(v57_3)
    v118 = maximum(v116, v117)
    v119 = absolute(v57_4)
    v120 = absolute(v57_5)
    v121 = maximum(v119, v120)
    v122 = absolute(v57_0)
    v123 = absolute(v57_1)
    v124 = maximum(v122, v123)
    v125 = maximum(v121, v124)
    v126 = maximum(v118, v125)
    v127 = v103 > 0.0
    v128 = v103 == 0.0
    v129 = v57_2 == 0.0
    v130 = v128 & v129
    v131 = v127 | v130
    v132 = relu(v103)
    v133 = v113 + v115
    v134 = v108 + v115
    v135 = relu(v62_2)
    v136 = relu(v62_3)
    v137 = minimum(v62_2, v62_3)
    v138 = minimum(v62_4, v62_5)
    v139 = minimum(v137, v138)
    v140 = -v62_0
    v141 = relu(v140)
    v142 = relu(v62_1)
    v143 = v141 + v142
    v144 = minimum(v143, v135)
    v145 = relu(v62_0)
    v146 = -v62_1
    v147 = relu(v146)
    v148 = v145 + v147
    v149 = minimum(v148, v136)
    v150 = -v139
    v151 = relu(v150)
    v152 = absolute(v62_2)
    v153 = absolute(v62_3)
    v154 = maximum(v152, v153)
    v155 = absolute(v62_4)
    v156 = absolute(v62_5)
    v157 = maximum(v155, v156)
    v158 = absolute(v62_0)
    v159 = absolute(v62_1)
    v160 = maximum(v158, v159)
    v161 = maximum(v157, v160)
    v162 = maximum(v154, v161)
    v163 = v139 > 0.0
    v164 = v139 == 0.0
    v165 = v62_2 == 0.0
    v166 = v164 & v165
    v167 = v163 | v166
    v168 = relu(v139)
    v169 = v149 + v151
    v171 = v52_2 >= 0.0
    v172 = v52_3 >= 0.0
    v173 = v171 & v172
    v174 = v57_2 >= 0.0
    v175 = v57_3 >= 0.0
    v176 = v174 & v175
    v177 = v62_2 >= 0.0
    v178 = v62_3 >= 0.0
    v179 = v177 & v178
    v180 = v173 & v176
    v181 = v180 & v179
    v182 = v52_0 == 0.0
    v183 = v52_1 == 0.0
    v184 = v182 & v183
    v185 = v57_0 == 0.0
    v186 = v57_1 == 0.0
    v187 = v185 & v186
    v188 = v62_0 == 0.0
    v189 = v62_1 == 0.0
    v190 = v188 & v189
    v191 = v184 & v187
    v192 = v191 & v190
    v193 = v63 * v99
    v194 = v64 * v100
    v195 = v90 * v126
    v196 = v63 * v108
    v197 = v72 * v132
    v198 = v196 + v197
    v199 = v64 * v113
    v200 = v77 * v132
    v201 = v199 + v200
    v202 = v96 * v132
    v203 = v97 * v108
    v204 = v98 * v113
    v205 = v203 + v204
    v206 = v79 * v132
    v207 = v90 * v115
    v208 = v206 + v207
    v209 = v205 + v208
    v210 = v90 * v133
    v211 = v97 * v99
    v212 = v210 + v211
    v213 = v90 * v134
    v214 = v98 * v100
    v215 = v213 + v214
    v218 = v195 * v162
    v219 = v193 * v144
    v220 = v198 * v168
    v221 = v219 + v220
    v222 = v194 * v149
    v223 = v201 * v168
    v224 = v222 + v223
    v225 = v202 * v168
    v226 = v212 * v144
    v227 = v215 * v149
    v228 = v226 + v227
    v229 = v209 * v168
    v230 = v195 * v151
    v231 = v229 + v230
    v232 = v228 + v231
    v239 = v221 + v224
    v240 = v52_0 + v52_1
    v241 = 0.5 * v240
    v242 = v57_0 + v57_1
    v243 = 0.5 * v242
    v244 = v62_0 + v62_1
    v245 = 0.5 * v244
    v246 = v218 - v239
    v247 = where(v181, v232, v246)
    v248 = v241 * v241
    v249 = 0.0 + v248
    v250 = v243 * v243
    v251 = v249 + v250
    v252 = v245 * v245
    v253 = v251 + v252
    v254 = v90 * v90
    v255 = 0.0 + v254
    v256 = v126 * v126
    v257 = v255 + v256
    v258 = v162 * v162
    v259 = v257 + v258
    v260 = v181 & v192
    v261 = 0.0 * v23
    v262 = where(v260, v261, 1.0)
    v263_0, v263_1, v263_2, v263_3, v263_4, v263_5, v263_6, v263_7 = penalty(v239, v225, v262, v247, v253, v259, 0.0)
    v264 = 2.0 * v263_6
    v265 = v264 * v90
    v266 = v99 * v135
    v269 = v99 * v144
    v270 = v108 * v168
    v271 = v269 + v270
    v275 = v132 * v168
    v283 = v126 * v169
    v284 = v133 * v135
    v285 = v283 + v284
    v289 = where(v95, v275, 0.0)
    v290 = where(v95, v271, v266)
    v291 = v290 - v289
    v292 = v263_2 * v291
    v293 = v263_3 * v289
    v294 = v292 + v293
    v295 = v263_2 * v266
    v296 = v263_4 * v290
    v297 = v294 - v296
    v298 = v263_4 * v285
    v299 = v295 + v298
    v300 = v299 + v265
    v301 = v297 + v300
    v302 = 0.5 * v301
    v303 = v52_0 > 0.0
    v304 = v52_0 == 0.0
    v305 = where(v304, v302, v300)
    v306 = where(v303, v297, v305)
    v307 = v52_1 < 0.0
    v308 = v52_1 == 0.0
    v309 = where(v308, v302, v300)
    v310 = where(v307, v297, v309)
    v311 = -v306
    v312 = where(v181, v311, 0.0)
    v313 = where(v181, v310, 0.0)
    v314 = v263_5 * v241
    v315 = v263_7 * 0.0
    v316_0, v316_1 = derivatives_by(v312, v313, v314, v315)
    v317 = v316_0 * v23
    v318 = v317 + v47
    v319 = v316_1 * v23
    v320 = v319 + v47
    v321 = 2.0 * v263_6
    v322 = v321 * v126
    v323 = v63 * v135
    v326 = v63 * v144
    v327 = v72 * v168
    v328 = v326 + v327
    v332 = v96 * v168
    v340 = v90 * v169
    v341 = v97 * v135
    v342 = v340 + v341
    v346 = where(v131, v332, 0.0)
    v347 = where(v131, v328, v323)
    v348 = v347 - v346
    v349 = v263_2 * v348
    v350 = v263_3 * v346
    v351 = v349 + v350
    v352 = v263_2 * v323
    v353 = v263_4 * v347
    v354 = v351 - v353
    v355 = v263_4 * v342
    v356 = v352 + v355
    v357 = v356 + v322
    v358 = v354 + v357
    v359 = 0.5 * v358
    v360 = v57_0 > 0.0
    v361 = v57_0 == 0.0
    v362 = where(v361, v359, v357)
    v363 = where(v360, v354, v362)
    v364 = v57_1 < 0.0
    v365 = v57_1 == 0.0
    v366 = where(v365, v359, v357)
    v367 = where(v364, v354, v366)
    v368 = -v363
    v369 = where(v181, v368, 0.0)
    v370 = where(v181, v367, 0.0)
    v371 = v263_5 * v243
    v372 = v263_7 * 0.0
    v373_0, v373_1 = derivatives_by(v369, v370, v371, v372)
    v374 = v373_0 * v23
    v375 = v374 + v47
    v376 = v373_1 * v23
    v377 = v376 + v47
    v378 = 2.0 * v263_6
    v379 = v378 * v162
    v380 = v63 * v99
    v383 = v63 * v108
    v384 = v72 * v132
    v385 = v383 + v384
    v389 = v96 * v132
    v397 = v90 * v133
    v398 = v97 * v99
    v399 = v397 + v398
    v403 = where(v167, v389, 0.0)
    v404 = where(v167, v385, v380)
    v405 = v404 - v403
    v406 = v263_2 * v405
    v407 = v263_3 * v403
    v408 = v406 + v407
    v409 = v263_2 * v380
    v410 = v263_4 * v404
    v411 = v408 - v410
    v412 = v263_4 * v399
    v413 = v409 + v412
    v414 = v413 + v379
    v415 = v411 + v414
    v416 = 0.5 * v415
    v417 = v62_0 > 0.0
    v418 = v62_0 == 0.0
    v419 = where(v418, v416, v414)
    v420 = where(v417, v411, v419)
    v421 = v62_1 < 0.0
    v422 = v62_1 == 0.0
    v423 = where(v422, v416, v414)
    v424 = where(v421, v411, v423)
    v425 = -v420
    v426 = where(v181, v425, 0.0)
    v427 = where(v181, v424, 0.0)
    v428 = v263_5 * v245
    v429 = v263_7 * 0.0
    v430_0, v430_1 = derivatives_by(v426, v427, v428, v429)
    v431 = v430_0 * v23
    v432 = v431 + v47
    v433 = v430_1 * v23
    v434 = v433 + v47
    v435 = v263_0 + v47
    v436 = v263_1 + v47
    return v435, v436, v318, v375, v432, v320, v377, v434


@triton.jit
def axis_aligned_3_with_inner_boxes(
    penalty: tl.constexpr,
    differences_of: tl.constexpr,
    derivatives_by: tl.constexpr,
    pred0,
    pred1,
    pred2,
    pred3,
    pred4,
    pred5,
    target0,
    target1,
    target2,
    target3,
    target4,
    target5,
    exchanged,
    parameter0,
    parameter1,
    parameter2,
    parameter3,
    parameter4,
    parameter5,
    parameter6,
):
    v0 = absolute(pred0)
    v1 = absolute(pred3)
    v2 = maximum(v0, v1)
    v3 = absolute(pred1)
    v4 = maximum(v2, v3)
    v5 = absolute(pred4)
    v6 = maximum(v4, v5)
    v7 = absolute(pred2)
    v8 = maximum(v6, v7)
    v9 = absolute(pred5)
    v10 = maximum(v8, v9)
    v11 = absolute(target0)
    v12 = maximum(v10, v11)
    v13 = absolute(target3)
    v14 = maximum(v12, v13)
    v15 = absolute(target1)
    v16 = maximum(v14, v15)
    v17 = absolute(target4)
    v18 = maximum(v16, v17)
    v19 = absolute(target2)
    v20 = maximum(v18, v19)
    v21 = absolute(target5)
    v22 = maximum(v20, v21)
    v23 = scale(v22, 3)
    v24 = pred0 * v23
    v25 = pred3 * v23
    v26 = pred1 * v23
    v27 = pred4 * v23
    v28 = pred2 * v23
    v29 = pred5 * v23
    v30 = target0 * v23
    v31 = target3 * v23
    v32 = target1 * v23
    v33 = target4 * v23
    v34 = target2 * v23
    v35 = target5 * v23
    v36 = v24 + v25
    v37 = v36 + v26
    v38 = v37 + v27
    v39 = v38 + v28
    v40 = v39 + v29
    v41 = v40 + v30
    v42 = v41 + v31
    v43 = v42 + v32
    v44 = v43 + v33
    v45 = v44 + v34
    v46 = v45 + v35
    v47 = 0.0 * v46
    v48 = pred0 * v23
    v49 = pred3 * v23
    v50 = target0 * v23
    v51 = target3 * v23
    v52_0, v52_1, v52_2, v52_3, v52_4, v52_5, _v52_6 = differences_of(v48, v49, v50, v51)
    v53 = pred1 * v23
    v54 = pred4 * v23
    v55 = target1 * v23
    v56 = target4 * v23
    v57_0, v57_1, v57_2, v57_3, v57_4, v57_5, _v57_6 = differences_of(v53, v54, v55, v56)
    v58 = pred2 * v23
    v59 = pred5 * v23
    v60 = target2 * v23
    v61 = target5 * v23
    v62_0, v62_1, v62_2, v62_3, v62_4, v62_5, _v62_6 = differences_of(v58, v59, v60, v61)
    v63 = relu(v52_2)
    v64 = relu(v52_3)
    v65 = minimum(v52_2, v52_3)
    v66 = minimum(v52_4, v52_5)
    v67 = minimum(v65, v66)
    v68 = -v52_0
    v69 = relu(v68)
    v70 = relu(v52_1)
    v71 = v69 + v70
    v72 = minimum(v71, v63)
    v73 = relu(v52_0)
    v74 = -v52_1
    v75 = relu(v74)
    v76 = v73 + v75
    v77 = minimum(v76, v64)
    v78 = -v67
    v79 = relu(v78)
    v80 = absolute(v52_2)
    v81 = absolute(v52_3)
    v82 = maximum(v80, v81)
    v83 = absolute(v52_4)
    v84 = absolute(v52_5)
    v85 = maximum(v83, v84)
    v86 = absolute(v52_0)
    v87 = absolute(v52_1)
    v88 = maximum(v86, v87)
    v89 = maximum(v85, v88)
    v90 = maximum(v82, v89)
    v91 = v67 > 0.0
    v92 = v67 == 0.0
    v93 = v52_2 == 0.0
    v94 = v92 & v93
    v95 = v91 | v94
    v96 = relu(v67)
    v97 = v77 + v79
    v98 = v72 + v79
    v99 = relu(v57_2)
    v100 = relu(v57_3)
    v101 = minimum(v57_2, v57_3)
    v102 = minimum(v57_4, v57_5)
    v103 = minimum(v101, v102)
    v104 = -v57_0
    v105 = relu(v104)
    v106 = relu(v57_1)
    v107 = v105 + v106
    v108 = minimum(v107, v99)
    v109 = relu(v57_0)
    v110 = -v57_1
    v111 = relu(v110)
    v112 = v109 + v111
    v113 = minimum(v112, v100)
    v114 = -v103
    v115 = relu(v114)
    v116 = absolute(v57_2)
    v117 = absolute(v57_3)
    v118 = maximum(v116, v117)
    v119 = absolute(v57_4)
    v120 = absolute(v57_5)
    v121 = maximum(v119, v120)
    v122 = absolute(v57_0)
    v123 = absolute(v57_1)
    v124 = maximum(v122, v123)
    v125 = maximum(v121, v124)
    v126 = maximum(v118, v125)
    v127 = v103 > 0.0
    v128 = v103 == 0.0
    v129 = v57_2 == 0.0
    v130 = v128 & v129
    v131 = v127 | v130
    v132 = relu(v103)
    v133 = v113 + v115
    v134 = v108 + v115
    v135 = relu(v62_2)
    v136 = relu(v62_3)
    v137 = minimum(v62_2, v62_3)
    v138 = minimum(v62_4, v62_5)
    v139 = minimum(v137, v138)
    v140 = -v62_0
    v141 = relu(v140)
    v142 = relu(v62_1)
    v143 = v141 + v142
    v144 = minimum(v143, v135)
    v145 = relu(v62_0)
    v146 = -v62_1
    v147 = relu(v146)
    v148 = v145 + v147
    v149 = minimum(v148, v136)
    v150 = -v139
    v151 = relu(v150)
    v152 = absolute(v62_2)
    v153 = absolute(v62_3)
    v154 = maximum(v152, v153)
    v155 = absolute(v62_4)
    v156 = absolute(v62_5)
    v157 = maximum(v155, v156)
    v158 = absolute(v62_0)
    v159 = absolute(v62_1)
    v160 = maximum(v158, v159)
    v161 = maximum(v157, v160)
    v162 = maximum(v154, v161)
    v163 = v139 > 0.0
    v164 = v139 == 0.0
    v165 = v62_2 == 0.0
    v166 = v164 & v165
    v167 = v163 | v166
    v168 = relu(v139)
    v169 = v149 + v151
    v171 = v52_2 >= 0.0
    v172 = v52_3 >= 0.0
    v173 = v171 & v172
    v174 = v57_2 >= 0.0
    v175 = v57_3 >= 0.0
    v176 = v174 & v175
    v177 = v62_2 >= 0.0
    v178 = v62_3 >= 0.0
    v179 = v177 & v178
    v180 = v173 & v176
    v181 = v180 & v179
    v182 = v52_0 == 0.0
    v183 = v52_1 == 0.0
    v184 = v182 & v183
    v185 = v57_0 == 0.0
    v186 = v57_1 == 0.0
    v187 = v185 & v186
    v188 = v62_0 == 0.0
    v189 = v62_1 == 0.0
    v190 = v188 & v189
    v191 = v184 & v187
    v192 = v191 & v190
    v193 = v63 * v99
    v194 = v64 * v100
    v195 = v90 * v126
    v196 = v63 * v108
    v197 = v72 * v132
    v198 = v196 + v197
    v199 = v64 * v113
    v200 = v77 * v132
    v201 = v199 + v200
    v202 = v96 * v132
    v203 = v97 * v108
    v204 = v98 * v113
    v205 = v203 + v204
    v206 = v79 * v132
    v207 = v90 * v115
    v208 = v206 + v207
    v209 = v205 + v208
    v210 = v90 * v133
    v211 = v97 * v99
    v212 = v210 + v211
    v213 = v90 * v134
    v214 = v98 * v100
    v215 = v213 + v214
    v218 = v195 * v162
    v219 = v193 * v144
    v220 = v198 * v168
    v221 = v219 + v220
    v222 = v194 * v149
    v223 = v201 * v168
    v224 = v222 + v223
    v225 = v202 * v168
    v226 = v212 * v144
    v227 = v215 * v149
    v228 = v226 + v227
    v229 = v209 * v168
    v230 = v195 * v151
    v231 = v229 + v230
    v232 = v228 + v231
    v239 = v221 + v224
    v240 = v52_0 + v52_1
    v241 = 0.5 * v240
    v242 = v57_0 + v57_1
    v243 = 0.5 * v242
    v244 = v62_0 + v62_1
    v245 = 0.5 * v244
    v246 = v218 - v239
    v247 = where(v181, v232, v246)
    v248 = v241 * v241
    v249 = 0.0 + v248
    v250 = v243 * v243
    v251 = v249 + v250
    v252 = v245 * v245
    v253 = v251 + v252
    v254 = v90 * v90
    v255 = 0.0 + v254
    v256 = v126 * v126
    v257 = v255 + v256
    v258 = v162 * v162
    v259 = v257 + v258
    v260 = 1.0 + parameter4
    v261 = 0.5 * v260
    v262 = 1.0 - parameter4
    v263 = 0.5 * v262
    v264 = v52_2 + v52_3
    v265 = v263 * v264
    v266 = v261 * v52_0
    v267 = v263 * v52_1
    v268 = v266 + v267
    v269 = v263 * v52_0
    v270 = v261 * v52_1
    v271 = v269 + v270
    v272 = parameter4 * v52_2
    v273 = parameter4 * v52_3
    v274 = v52_4 - v265
    v275 = v52_5 - v265
    v277 = 1.0 + parameter4
    v278 = 0.5 * v277
    v279 = 1.0 - parameter4
    v280 = 0.5 * v279
    v281 = v57_2 + v57_3
    v282 = v280 * v281
    v283 = v278 * v57_0
    v284 = v280 * v57_1
    v285 = v283 + v284
    v286 = v280 * v57_0
    v287 = v278 * v57_1
    v288 = v286 + v287
    v289 = parameter4 * v57_2
    v290 = parameter4 * v57_3
    v291 = v57_4 - v282
    v292 = v57_5 - v282
    v294 = 1.0 + parameter4
    v295 = 0.5 * v294
    v296 = 1.0 - parameter4
    v297 = 0.5 * v296
    v298 = v62_2 + v62_3
    v299 = v297 * v298
    v300 = v295 * v62_0
    v301 = v297 * v62_1
    v302 = v300 + v301
    v303 = v297 * v62_0
    v304 = v295 * v62_1
    v305 = v303 + v304
    v306 = parameter4 * v62_2
    v307 = parameter4 * v62_3
    v308 = v62_4 - v299
    v309 = v62_5 - v299
    v311 = relu(v272)
    v312 = relu(v273)
    v313 = minimum(v272, v273)
    v314 = minimum(v274, v275)
    v315 = minimum(v313, v314)
    v316 = -v268
    v317 = relu(v316)
    v318 = relu(v271)
    v319 = v317 + v318
    v320 = minimum(v319, v311)
    v321 = relu(v268)
    v322 = -v271
    v323 = relu(v322)
    v324 = v321 + v323
    v325 = minimum(v324, v312)
    v339 = v315 > 0.0
    v340 = v315 == 0.0
    v341 = v272 == 0.0
    v342 = v340 & v341
    v343 = v339 | v342
    v344 = relu(v315)
    v347 = relu(v289)
    v348 = relu(v290)
    v349 = minimum(v289, v290)
    v350 = minimum(v291, v292)
    v351 = minimum(v349, v350)
    v352 = -v285
    v353 = relu(v352)
    v354 = relu(v288)
    v355 = v353 + v354
    v356 = minimum(v355, v347)
    v357 = relu(v285)
    v358 = -v288
    v359 = relu(v358)
    v360 = v357 + v359
    v361 = minimum(v360, v348)
    v375 = v351 > 0.0
    v376 = v351 == 0.0
    v377 = v289 == 0.0
    v378 = v376 & v377
    v379 = v375 | v378
    v380 = relu(v351)
    v383 = relu(v306)
    v384 = relu(v307)
    v385 = minimum(v306, v307)
    v386 = minimum(v308, v309)
    v387 = minimum(v385, v386)
    v388 = -v302
    v389 = relu(v388)
    v390 = relu(v305)
    v391 = v389 + v390
    v392 = minimum(v391, v383)
    v393 = relu(v302)
    v394 = -v305
    v395 = relu(v394)
    v396 = v393 + v395
    v397 = minimum(v396, v384)
    v411 = v387 > 0.0
    v412 = v387 == 0.0
    v413 = v306 == 0.0
    v414 = v412 & v413
    v415 = v411 | v414
    v416 = relu(v387)
    v419 = v311 * v347
    v420 = v312 * v348
    v422 = v311 * v356
    v423 = v320 * v380
    v424 = v422 + v423
    v425 = v312 * v361
    v426 = v325 * v380
    v427 = v425 + v426
    v428 = v344 * v380
    v445 = v419 * v392
    v446 = v424 * v416
    v447 = v445 + v446
    v448 = v420 * v397
    v449 = v427 * v416
    v450 = v448 + v449
    v451 = v428 * v416
    v465 = v447 + v450
    v466 = v181 & v192
    v467 = 0.0 * v23
    v468 = where(v466, v467, 1.0)
    (
        v469_0,
        v469_1,
        v469_2,
        v469_3,
        v469_4,
        v469_5,
        v469_6,
        v469_7,
        v469_8,
        v469_9,
        _v469_10,
        _v469_11,
        _v469_12,
        _v469_13,
        _v469_14,
        _v469_15,
    ) = penalty(
        v239,
        v225,
        v468,
        v247,
        v253,
        v259,
        0.0,
        v465,
        v451,
        v23,
        exchanged,
        0.0,
        0.0,
        0.0,
        0.0,
        0.0,
        0.0,
        0.0,
        0.0,
        0.0,
        0.0,
        0.0,
        0.0,
        0.0,
        0.0,
        parameter0,
        parameter1,
        parameter2,
        parameter3,
        parameter4,
        parameter5,
        parameter6,
    )
    v470 = 2.0 * v469_6
    v471 = v470 * v90
    v472 = v99 * v135
    v475 = v99 * v144
    v476 = v108 * v168
    v477 = v475 + v476
    v481 = v132 * v168
    v489 = v126 * v169
    v490 = v133 * v135
    v491 = v489 + v490
    v495 = where(v95, v481, 0.0)
    v496 = where(v95, v477, v472)
    v497 = v496 - v495
    v498 = v469_2 * v497
    v499 = v469_3 * v495
    v500 = v498 + v499
    v501 = v469_2 * v472
    v502 = v469_4 * v496
    v503 = v500 - v502
    v504 = v469_4 * v491
    v505 = v501 + v504
    v506 = v505 + v471
    v507 = v503 + v506
    v508 = 0.5 * v507
    v509 = v52_0 > 0.0
    v510 = v52_0 == 0.0
    v511 = where(v510, v508, v506)
    v512 = where(v509, v503, v511)
    v513 = v52_1 < 0.0
    v514 = v52_1 == 0.0
    v515 = where(v514, v508, v506)
    v516 = where(v513, v503, v515)
    v517 = -v512
    v518 = v347 * v383
    v521 = v347 * v392
    v522 = v356 * v416
    v523 = v521 + v522
    v527 = v380 * v416
    v541 = where(v343, v527, 0.0)
    v542 = where(v343, v523, v518)
    v543 = v542 - v541
    v544 = v469_8 * v543
    v545 = v469_9 * v541
    v546 = v544 + v545
    v547 = v469_8 * v518
    v548 = v546 + v547
    v549 = 0.5 * v548
    v550 = v268 > 0.0
    v551 = v268 == 0.0
    v552 = where(v551, v549, v547)
    v553 = where(v550, v546, v552)
    v554 = v271 < 0.0
    v555 = v271 == 0.0
    v556 = where(v555, v549, v547)
    v557 = where(v554, v546, v556)
    v558 = -v553
    v559 = 1.0 + parameter4
    v560 = 0.5 * v559
    v561 = 1.0 - parameter4
    v562 = 0.5 * v561
    v563 = v560 * v558
    v564 = v562 * v557
    v565 = v563 + v564
    v566 = v562 * v558
    v567 = v560 * v557
    v568 = v566 + v567
    v569 = v517 + v565
    v570 = v516 + v568
    v571 = where(v181, v569, 0.0)
    v572 = where(v181, v570, 0.0)
    v573 = v469_5 * v241
    v574 = v469_7 * 0.0
    v575_0, v575_1 = derivatives_by(v571, v572, v573, v574)
    v576 = v575_0 * v23
    v577 = v576 + v47
    v578 = v575_1 * v23
    v579 = v578 + v47
    v580 = 2.0 * v469_6
    v581 = v580 * v126
    v582 = v63 * v135
    v585 = v63 * v144
    v586 = v72 * v168
    v587 = v585 + v586
    v591 = v96 * v168
    v599 = v90 * v169
    v600 = v97 * v135
    v601 = v599 + v600
    v605 = where(v131, v591, 0.0)
    v606 = where(v131, v587, v582)
    v607 = v606 - v605
    v608 = v469_2 * v607
    v609 = v469_3 * v605
    v610 = v608 + v609
    v611 = v469_2 * v582
    v612 = v469_4 * v606
    v613 = v610 - v612
    v614 = v469_4 * v601
    v615 = v611 + v614
    v616 = v615 + v581
    v617 = v613 + v616
    v618 = 0.5 * v617
    v619 = v57_0 > 0.0
    v620 = v57_0 == 0.0
    v621 = where(v620, v618, v616)
    v622 = where(v619, v613, v621)
    v623 = v57_1 < 0.0
    v624 = v57_1 == 0.0
    v625 = where(v624, v618, v616)
    v626 = where(v623, v613, v625)
    v627 = -v622
    v628 = v311 * v383
    v631 = v311 * v392
    v632 = v320 * v416
    v633 = v631 + v632
    v637 = v344 * v416
    v651 = where(v379, v637, 0.0)
    v652 = where(v379, v633, v628)
    v653 = v652 - v651
    v654 = v469_8 * v653
    v655 = v469_9 * v651
    v656 = v654 + v655
    v657 = v469_8 * v628
    v658 = v656 + v657
    v659 = 0.5 * v658
    v660 = v285 > 0.0
    v661 = v285 == 0.0
    v662 = where(v661, v659, v657)
    v663 = where(v660, v656, v662)
    v664 = v288 < 0.0
    v665 = v288 == 0.0
    v666 = where(v665, v659, v657)
    v667 = where(v664, v656, v666)
    v668 = -v663
    v669 = 1.0 + parameter4
    v670 = 0.5 * v669
    v671 = 1.0 - parameter4
    v672 = 0.5 * v671
    v673 = v670 * v668
    v674 = v672 * v667
    v675 = v673 + v674
    v676 = v672 * v668
    v677 = v670 * v667
    v678 = v676 + v677
    v679 = v627 + v675
    v680 = v626 + v678
    v681 = where(v181, v679, 0.0)
    v682 = where(v181, v680, 0.0)
    v683 = v469_5 * v243
    v684 = v469_7 * 0.0
    v685_0, v685_1 = derivatives_by(v681, v682, v683, v684)
    v686 = v685_0 * v23
    v687 = v686 + v47
    v688 = v685_1 * v23
    v689 = v688 + v47
    v690 = 2.0 * v469_6
    v691 = v690 * v162
    v692 = v63 * v99
    v695 = v63 * v108
    v696 = v72 * v132
    v697 = v695 + v696
    v701 = v96 * v132
    v709 = v90 * v133
    v710 = v97 * v99
    v711 = v709 + v710
    v715 = where(v167, v701, 0.0)
    v716 = where(v167, v697, v692)
    v717 = v716 - v715
    v718 = v469_2 * v717
    v719 = v469_3 * v715
    v720 = v718 + v719
    v721 = v469_2 * v692
    v722 = v469_4 * v716
    v723 = v720 - v722
    v724 = v469_4 * v711
    v725 = v721 + v724
    v726 = v725 + v691
    v727 = v723 + v726
    v728 = 0.5 * v727
    v729 = v62_0 > 0.0
    v730 = v62_0 == 0.0
    v731 = where(v730, v728, v726)
    v732 = where(v729, v723, v731)
    v733 = v62_1 < 0.0
    v734 = v62_1 == 0.0
    v735 = where(v734, v728, v726)
    v736 = where(v733, v723, v735)
    v737 = -v732
    v738 = v311 * v347
    v741 = v311 * v356
    v742 = v320 * v380
    v743 = v741 + v742
    v747 = v344 * v380
    v761 = where(v415, v747, 0.0)
    v762 = where(v415, v743, v738)
    v763 = v762 - v761
    v764 = v469_8 * v763
    v765 = v469_9 * v761
    v766 = v764 + v765
    v767 = v469_8 * v738
    v768 = v766 + v767
    v769 = 0.5 * v768
    v770 = v302 > 0.0
    v771 = v302 == 0.0
    v772 = where(v771, v769, v767)
    v773 = where(v770, v766, v772)
    v774 = v305 < 0.0
    v775 = v305 == 0.0
    v776 = where(v775, v769, v767)
    v777 = where(v774, v766, v776)
    v778 = -v773
    v779 = 1.0 + parameter4
    v780 = 0.5 * v779
    v781 = 1.0 - parameter4
    v782 = 0.5 * v781
    v783 = v780 * v778
    v784 = v782 * v777
    v785 = v783 + v784
    v786 = v782 * v778
    v787 = v780 * v777
    v788 = v786 + v787
    v789 = v737 + v785
    v790 = v736 + v788
    v791 = where(v181, v789, 0.0)
    v792 = where(v181, v790, 0.0)
    v793 = v469_5 * v245
    v794 = v469_7 * 0.0
    v795_0, v795_1 = derivatives_by(v791, v792, v793, v794)
    v796 = v795_0 * v23
    v797 = v796 + v47
    v798 = v795_1 * v23
    v799 = v798 + v47
    v800 = v469_0 + v47
    v801 = v469_1 + v47
    return v800, v801, v577, v687, v797, v579, v689, v799
