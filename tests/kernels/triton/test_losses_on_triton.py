"""Tests of values, gradients, targets and edge cases, run on the Triton kernels."""

# ruff: noqa: F401
from tests.losses.test_edge_cases import (
    test_a_logarithm_of_a_ratio_near_the_largest_float,
    test_a_logarithm_of_a_ratio_that_no_float_holds,
    test_a_loss_beyond_the_largest_float_is_finite_with_a_small_weight,
    test_a_mask_without_any_probability_is_empty,
    test_a_mean_over_a_loss_beyond_the_largest_float_is_finite,
    test_a_million_pixels_from_the_origin,
    test_a_modified_overlap_much_smaller_than_the_boxes,
    test_a_point_has_no_aspect_whatever_the_sign_of_its_zeros,
    test_aspects_of_boxes_far_apart,
    test_coordinates_up_to_the_largest_float,
    test_masks_whose_probabilities_underflow,
    test_measures_without_area,
    test_sides_from_tiny_to_huge,
    test_sizes_far_below_the_coordinates,
    test_smooth_l1_at_its_corner_and_at_a_subnormal_beta,
)
from tests.losses.test_losses import (
    test_a_measure_is_one_minus_its_loss,
    test_backward_twice,
    test_dtypes_of_results,
    test_known_values,
    test_masking_the_result_masks_the_gradient,
    test_nothing_to_average,
    test_reductions_weights_and_normalizers,
    test_strides_do_not_matter,
    test_target_gradient_is_the_swapped_pair,
    test_value_and_gradients_are_those_of_the_definition,
    test_weight_zero_means_absent,
)
from tests.losses.test_targets import (
    test_alpha_per_class,
    test_class_weights_and_smoothing_as_torch_defines_them,
    test_formats_and_dimensions_agree,
    test_ignored_rows_of_binary_losses,
    test_ignored_rows_of_softmax_losses,
    test_indices_are_one_hot_rows,
    test_soft_targets_smooth_as_written,
)
