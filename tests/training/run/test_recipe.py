"""Recipes: presets that load, overrides, and refusals that name the key."""

import pytest

from training.run.recipe import RECIPES, RecipeError, load_recipe, recipe_from_dict


@pytest.mark.parametrize("name", sorted(path.stem for path in RECIPES.glob("*.toml")))
def test_every_preset_loads_and_survives_json(name):
    recipe = load_recipe(name)
    assert recipe.name == name
    assert recipe_from_dict(recipe.as_dict(), "again") == recipe


def test_overrides_reach_tables_and_convert():
    recipe = load_recipe("malaria-64", ["images=6400", "architecture.blocks=[1, 1, 1]", "learning_rate=1"])
    assert recipe.images == 6400
    assert recipe.steps == 100
    assert recipe.architecture.blocks == (1, 1, 1)
    assert recipe.learning_rate == 1.0


@pytest.mark.parametrize(
    ("override", "reason"),
    [
        ("imags=3", "unknown key 'imags'"),
        ("architecture.depth=3", "unknown key 'depth'"),
        ("nowhere.depth=3", "unknown key 'nowhere.depth'"),
        ("images", "key=value"),
        ("images=many", "images: 'many'"),
        ("images=2.5", "images: 2.5"),
        ("architecture.classes=3", "2 labels for 3 classes"),
        ("focus=[0.5, 0.2, 0.5]", "low < high"),
        ("focus=[0.5, 0.8]", "low, high, share"),
        ("focus=[0.2, 0.5, 1.0]", "share in"),
        ("architecture.widths=[60, 128, 256]", "multiples of 16"),
    ],
)
def test_bad_override_is_refused(override, reason):
    with pytest.raises(RecipeError, match=reason):
        load_recipe("malaria-64", [override])


def test_unknown_preset_and_broken_file_are_refused(tmp_path):
    with pytest.raises(RecipeError, match=r"presets: .*malaria-64"):
        load_recipe("malaria-65")
    path = tmp_path / "broken.toml"
    path.write_text("name = ")
    with pytest.raises(RecipeError, match=r"broken\.toml"):
        load_recipe(str(path))
