from fastapi import FastAPI

from matcher.training.schemas import ModelIn


def test_the_api_description_lists_the_recipes_and_the_one_that_is_taken_by_default() -> None:
    app = FastAPI()

    @app.post("/models")
    def add_model(wanted: ModelIn) -> None:
        """Nothing: only what is asked for is described here."""

    schemas = app.openapi()["components"]["schemas"]
    recipe = schemas["ModelIn"]["properties"]["recipe"]
    assert recipe["default"] == "needledrop"
    assert schemas[recipe["$ref"].rpartition("/")[2]]["enum"] == ["needledrop", "va_metric", "va_metric2"]
